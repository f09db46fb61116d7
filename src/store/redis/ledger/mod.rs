//! What operators see and do.
//!
//! Lists go through the shards one after the other, in scripts that look at a bounded number of members each, so
//! that no decision waits for a long list.

mod facts;
mod script;
mod walk;

use std::sync::LazyLock;

use async_trait::async_trait;
use redis::{Cmd, Value};

use super::keys::{self, Shard, SubjectKeys};
use super::reply::ledger::Part;
use super::script::{CENSUS, Script, buckets, candidates_text};
use super::{RedisStore, health, names, reply};
use crate::domain::id::Purpose;
use crate::domain::ledger::clear::{ClearCommand, Cleared};
use crate::domain::ledger::counts::{AddOutcome, CountBatch, Counts, DayCounts, is_counted, known_days};
use crate::domain::ledger::day::Day;
use crate::domain::ledger::examine::{Examination, ExamineCommand, Presented};
use crate::domain::ledger::inventory::{Inventory, Swept};
use crate::domain::ledger::limits::{ResetCommand, Usage};
use crate::domain::ledger::page::{Cursor, LARGEST_PAGE, Page, PageRequest};
use crate::domain::ledger::revoke::{RevokeCommand, Revoked, Target};
use crate::domain::ledger::trail::{Action, KEPT_RECORDS, Operation, Record};
use crate::domain::ledger::view::{AccountView, ChallengeView, Dated, LockView};
use crate::domain::state::Census;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;
use crate::domain::window::Take;
use crate::store::contract::{Ledger, StoreError, StoreHealth};

/// The most members of a list that one script looks at.
const AT_ONCE: usize = 128;

#[async_trait]
impl Ledger for RedisStore {
    async fn health(&self) -> Result<StoreHealth, StoreError> {
        health::check(&self.connection).await
    }

    async fn census(&self, purposes: &[Purpose]) -> Result<Census, StoreError> {
        let pending = purposes.iter().flat_map(|purpose| Shard::all().map(|shard| shard.pending(purpose)));
        let locked = purposes.iter().flat_map(|purpose| Shard::all().map(|shard| shard.locked(purpose)));
        let keys: Vec<String> = pending.chain(locked).collect();
        let call = self.script(&CENSUS, names(&keys)).number(u64::from(keys::SHARDS));
        reply::census(self.connection.call(&call).await?, purposes)
    }

    async fn locks(&self, purposes: &[Purpose], page: &PageRequest) -> Result<Page<LockView>, StoreError> {
        let list = List { script: &script::LOCKS, set: Shard::locked, read: reply::ledger::locks };
        self.list(&list, purposes, page).await
    }

    async fn challenges(
        &self,
        purposes: &[Purpose],
        page: &PageRequest,
    ) -> Result<Page<ChallengeView>, StoreError> {
        let list = List { script: &script::CHALLENGES, set: Shard::pending, read: reply::ledger::challenges };
        self.list(&list, purposes, page).await
    }

    async fn account(
        &self,
        subject: &Subject,
        purposes: &[Purpose],
    ) -> Result<Dated<Vec<AccountView>>, StoreError> {
        let own = SubjectKeys::of(subject);
        let keys: Vec<String> = purposes.iter().map(|purpose| own.account(purpose)).collect();
        let call = self.script(&script::LOOK, names(&keys)).text(&own.challenge_prefix());
        let call = purposes.iter().fold(call, |call, purpose| call.text(purpose.as_str()));
        reply::ledger::look(self.connection.call(&call).await?, subject, purposes)
    }

    async fn usage(&self, takes: &[Take]) -> Result<Dated<Vec<Usage>>, StoreError> {
        let keys: Vec<String> = buckets(takes).collect();
        let call = self.script(&script::USAGE, names(&keys)).takes(takes);
        reply::ledger::usage(self.connection.call(&call).await?, takes)
    }

    async fn examine(&self, command: &ExamineCommand) -> Result<Dated<Vec<Examination>>, StoreError> {
        let own = SubjectKeys::of(&command.subject);
        let of = |presented: &Presented| own.challenge(&presented.reference);
        let keys: Vec<String> = command.presented.iter().map(of).collect();
        let call = self.script(&script::EXAMINE, names(&keys));
        let candidates = command.presented.iter().map(|presented| candidates_text(&presented.candidates));
        let call = candidates.fold(call, |call, candidates| call.text(&candidates));
        reply::ledger::examine(self.connection.call(&call).await?, &command.presented)
    }

    async fn clear(&self, command: &ClearCommand) -> Result<Dated<Cleared>, StoreError> {
        let ClearCommand { subject, purpose, forgive, operation } = command;
        let own = SubjectKeys::of(subject);
        let is_own = |take: &Take| take.owner.subject.as_ref() == Some(subject);
        let takes: Vec<Take> = forgive.iter().filter(|take| is_own(take)).cloned().collect();
        let mut keys = vec![own.account(purpose), own.shard().locked(purpose), own.shard().operations()];
        keys.extend(buckets(&takes));
        let call = self
            .script(&script::CLEAR, names(&keys))
            .text(subject.as_str())
            .text(purpose.as_str())
            .text(&script::rest_of_record(Action::Clear, Some(subject), operation))
            .takes(&takes);
        let mut cleared = reply::ledger::clear(self.connection.call(&call).await?, takes.len())?;
        let mut counted = cleared.value.forgiven.into_iter();
        let of = |take: &Take| if is_own(take) { counted.next().unwrap_or(0) } else { 0 };
        cleared.value.forgiven = forgive.iter().map(of).collect();
        Ok(cleared)
    }

    async fn revoke(&self, command: &RevokeCommand) -> Result<Dated<Revoked>, StoreError> {
        let own = SubjectKeys::of(&command.subject);
        let (purpose, reference) = match &command.target {
            Target::Pending(purpose) => (purpose.as_str(), ""),
            Target::Reference(reference) => ("", reference.as_str()),
        };
        let keys = [own.shard().operations()];
        let call = self
            .script(&script::REVOKE, names(&keys))
            .text(&own.challenge_prefix())
            .text(&own.account_prefix())
            .text(&own.shard().pending_prefix())
            .text(command.subject.as_str())
            .text(purpose)
            .text(reference)
            .text(&script::rest_of_record(Action::Revoke, Some(&command.subject), &command.operation));
        reply::ledger::revoke(self.connection.call(&call).await?)
    }

    async fn reset(&self, command: &ResetCommand) -> Result<Dated<Vec<u32>>, StoreError> {
        let mut forgotten = Dated { at: self.time().await?, value: Vec::with_capacity(command.takes.len()) };
        // Limits of different owners may lie in different shards, and with them their records.
        for take in &command.takes {
            let keys = [Shard::of_bucket(take).operations(), keys::bucket(take)];
            let call = self
                .script(&script::RESET, names(&keys))
                .duration(take.per)
                .text(take.owner.purpose.as_ref().map_or("", Purpose::as_str))
                .text(&script::rest_of_reset(take, &command.operation));
            let one = reply::ledger::numbers("reset", self.connection.call(&call).await?, 1)?;
            forgotten.at = one.at;
            forgotten.value.extend(one.value);
        }
        Ok(forgotten)
    }

    async fn operations(
        &self,
        limit: u16,
        subject: Option<&Subject>,
    ) -> Result<Dated<Vec<Record>>, StoreError> {
        let at = self.time().await?;
        let limit = usize::from(limit.min(LARGEST_PAGE));
        let (shards, most) = match subject {
            Some(subject) => (vec![Shard::of(subject)], KEPT_RECORDS),
            None => (Shard::all().collect(), limit),
        };
        let mut newest = Vec::new();
        for shard in shards {
            let mut command = Cmd::new();
            command.arg("LRANGE").arg(shard.operations()).arg(format!("-{}", most.max(1))).arg(-1);
            let records = reply::ledger::records(self.connection.query(&command).await?)?;
            let wanted = |record: &Record| subject.is_none() || record.subject.as_ref() == subject;
            newest.extend(
                records.into_iter().rev().filter(|record| record.is_remembered(at) && wanted(record)),
            );
        }
        newest.sort_by_key(|record| std::cmp::Reverse(record.at));
        newest.truncate(limit);
        Ok(Dated { at, value: newest })
    }

    async fn add_counts(&self, batch: &CountBatch) -> Result<Dated<AddOutcome>, StoreError> {
        let keys = [keys::counts(batch.day), keys::batches(&batch.instance)];
        let call = self
            .script(&script::ADD_COUNTS, names(&keys))
            .number(batch.sequence)
            .number(batch.day.start().as_millis());
        let call =
            batch.counts.iter().fold(call, |call, (key, number)| call.text(&key.encode()).number(number));
        reply::ledger::add_counts(self.connection.call(&call).await?)
    }

    async fn counts(&self, from: Day, to: Day) -> Result<Dated<Vec<DayCounts>>, StoreError> {
        let at = self.time().await?;
        let mut days = Vec::new();
        for day in known_days(from, to, at) {
            let mut command = Cmd::new();
            command.arg("HGETALL").arg(keys::counts(day));
            let counts = reply::ledger::counts(self.connection.query(&command).await?)?;
            let counts = if is_counted(day, at) { counts } else { Counts::default() };
            days.push(DayCounts { day, counts });
        }
        Ok(Dated { at, value: days })
    }

    async fn inventory(&self) -> Result<Inventory, StoreError> {
        walk::inventory(self).await
    }

    async fn sweep(&self, operation: &Operation) -> Result<Swept, StoreError> {
        walk::sweep(self, operation).await
    }
}

/// What the two lists differ in.
struct List<T> {
    script: &'static LazyLock<Script>,
    set: fn(Shard, &Purpose) -> String,
    read: fn(Value, &Purpose) -> Result<Part<T>, StoreError>,
}

impl RedisStore {
    /// The store's time.
    async fn time(&self) -> Result<Timestamp, StoreError> {
        match self.now() {
            Some(now) => Ok(now),
            None => reply::ledger::time(self.connection.query(Cmd::new().arg("TIME")).await?),
        }
    }

    /// Goes through the shards of each purpose from where the page before ended, until the page is full.
    async fn list<T>(
        &self,
        list: &List<T>,
        purposes: &[Purpose],
        page: &PageRequest,
    ) -> Result<Page<T>, StoreError> {
        let begin = page.cursor().and_then(|after| {
            let place = purposes.iter().position(|purpose| *purpose == after.purpose)?;
            Some((place, after))
        });
        // Members are counted, not entries, so that the work is bounded whatever a set holds.
        let (mut entries, mut at, mut left) = (Vec::new(), Timestamp::default(), page.limit());
        for (place, purpose) in purposes.iter().enumerate().skip(begin.map_or(0, |(place, _)| place)) {
            let within = begin.filter(|(begun, _)| *begun == place).map(|(_, after)| after);
            for shard in Shard::all().skip(within.map_or(0, |after| usize::from(after.part))) {
                let mut after = within
                    .filter(|after| after.part == shard.number())
                    .map(|after| (after.until, after.subject.clone()));
                loop {
                    let most = left.min(AT_ONCE);
                    let part = self.part(list, purpose, shard, most, after.as_ref()).await?;
                    entries.extend(part.entries);
                    at = part.at;
                    left = left.saturating_sub(part.looked_at);
                    if part.looked_at < most {
                        break;
                    }
                    after = part.last;
                    if let Some((until, subject)) = &after
                        && left == 0
                    {
                        let (purpose, subject) = (purpose.clone(), subject.clone());
                        let next = Cursor { purpose, part: shard.number(), until: *until, subject };
                        return Ok(Page { at, entries, next: Some(next) });
                    }
                }
            }
        }
        if at == Timestamp::default() {
            at = self.time().await?;
        }
        Ok(Page { at, entries, next: None })
    }

    async fn part<T>(
        &self,
        list: &List<T>,
        purpose: &Purpose,
        shard: Shard,
        most: usize,
        after: Option<&(Timestamp, Subject)>,
    ) -> Result<Part<T>, StoreError> {
        let keys = [(list.set)(shard, purpose)];
        let until = after.map(|(until, _)| until.as_millis().to_string()).unwrap_or_default();
        let call = self
            .script(list.script, names(&keys))
            .text(purpose.as_str())
            .number(most as u64)
            .text(&until)
            .text(after.map_or("", |(_, subject)| subject.as_str()))
            .text(&shard.accounts_prefix())
            .text(&shard.challenges_prefix());
        (list.read)(self.connection.call(&call).await?, purpose)
    }
}
