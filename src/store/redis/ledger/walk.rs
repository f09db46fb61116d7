//! Every key, a few hundred at a time: counted and measured, or swept.
//!
//! Between two steps Redis decides as ever. A key that moves while Redis grows its table may be seen twice.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use redis::Cmd;

use super::{facts, script};
use crate::domain::ledger::inventory::{Held, Inventory, Kind, Swept};
use crate::domain::ledger::trail::{Action, Operation};
use crate::domain::lockout::REMEMBERED_FOR;
use crate::domain::time::Timestamp;
use crate::store::contract::StoreError;
use crate::store::redis::keys::{self, Shard};
use crate::store::redis::script::Script;
use crate::store::redis::{RedisStore, names, reply};

/// About how many keys one step looks at.
const STEP: usize = 500;
/// How long a walk may take.
const LONGEST: Duration = Duration::from_secs(20);
/// How many keys of each kind are measured. They come in no order, so the first will do.
const MEASURED: u64 = 64;
/// How many members one script takes off a list.
const PRUNED: u32 = 1_000;
/// How many unknown keys are named.
const EXAMPLES: usize = 5;

struct Walk<'s> {
    store: &'s RedisStore,
    /// Where to go on; `None` at the end.
    place: Option<String>,
    began: Instant,
}

impl<'s> Walk<'s> {
    fn new(store: &'s RedisStore) -> Self {
        Self { store, place: Some("0".to_owned()), began: Instant::now() }
    }

    fn is_complete(&self) -> bool {
        self.place.is_none()
    }

    /// The next keys in our name; `None` at the end, or when it takes too long.
    async fn step(&mut self) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let Some(place) = self.place.as_ref().filter(|_| self.began.elapsed() < LONGEST) else {
            return Ok(None);
        };
        let mut command = Cmd::new();
        command.arg("SCAN").arg(place).arg("MATCH").arg(keys::PATTERN).arg("COUNT").arg(STEP);
        let (next, found) = reply::ledger::scan(self.store.connection.query(&command).await?)?;
        self.place = Some(next).filter(|next| next != "0");
        Ok(Some(found))
    }
}

/// A key in our name, and what it is for.
struct Found {
    key: String,
    kind: Kind,
}

/// Keys of kinds that this version knows, and the others.
fn sorted(found: Vec<Vec<u8>>) -> (Vec<Found>, Vec<Vec<u8>>) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for key in found {
        match (keys::kind_of(&key), String::from_utf8(key)) {
            (Some(kind), Ok(key)) => known.push(Found { key, kind }),
            (_, Ok(key)) => unknown.push(key.into_bytes()),
            (_, Err(error)) => unknown.push(error.into_bytes()),
        }
    }
    (known, unknown)
}

/// Counts and measures.
pub async fn inventory(store: &RedisStore) -> Result<Inventory, StoreError> {
    let mut inventory = Inventory {
        at: store.time().await?,
        store: "redis",
        held: Kind::ALL.map(|kind| Held { kind, keys: 0, bytes: Some(0), sampled: 0 }).to_vec(),
        complete: false,
        problem: None,
        without_expiry: 0,
        unknown: 0,
        unknown_examples: Vec::new(),
        server: Some(facts::ask(&store.connection).await?),
    };
    match count(store, &mut inventory).await {
        Ok(complete) => inventory.complete = complete,
        // A user who may not walk still learns the rest.
        Err(StoreError::Failed(why)) => inventory.problem = Some(why),
        Err(error) => return Err(error),
    }
    for held in &mut inventory.held {
        let measured = held.bytes.filter(|_| held.sampled > 0 || held.keys == 0);
        held.bytes = measured.map(|bytes| extrapolated(bytes, held.sampled, held.keys));
    }
    Ok(inventory)
}

fn extrapolated(bytes: u64, sampled: u64, keys: u64) -> u64 {
    let all = u128::from(bytes) * u128::from(keys) / u128::from(sampled.max(1));
    u64::try_from(all).unwrap_or(u64::MAX)
}

async fn count(store: &RedisStore, inventory: &mut Inventory) -> Result<bool, StoreError> {
    let mut walk = Walk::new(store);
    while let Some(found) = walk.step().await? {
        let (known, unknown) = sorted(found);
        inventory.unknown += unknown.len() as u64;
        let room = EXAMPLES - inventory.unknown_examples.len().min(EXAMPLES);
        let examples = unknown.iter().take(room).map(|key| String::from_utf8_lossy(key).into_owned());
        inventory.unknown_examples.extend(examples);
        let mut places = Vec::with_capacity(known.len());
        let mut measure = Vec::with_capacity(known.len());
        for found in &known {
            let place = inventory.held.iter().position(|held| held.kind == found.kind).unwrap_or_default();
            let planned =
                measure.iter().zip(&places).filter(|(wanted, of)| **wanted && **of == place).count();
            let sampled = inventory.held.get(place).map_or(0, |held| held.sampled);
            measure.push(sampled + (planned as u64) < MEASURED);
            places.push(place);
        }
        let seen = inspect(store, &known, &measure).await?;
        for ((seen, place), measured) in seen.into_iter().zip(places).zip(measure) {
            let Some(held) = inventory.held.get_mut(place).filter(|_| seen.there) else { continue };
            held.keys += 1;
            held.sampled += u64::from(measured);
            held.bytes = held.bytes.map(|bytes| bytes + seen.bytes);
            inventory.without_expiry += u64::from(!seen.expires);
        }
    }
    Ok(walk.is_complete())
}

async fn inspect(
    store: &RedisStore,
    known: &[Found],
    measure: &[bool],
) -> Result<Vec<reply::ledger::Seen>, StoreError> {
    let keys: Vec<String> = known.iter().map(|found| found.key.clone()).collect();
    let call = store.script(&script::INSPECT, names(&keys));
    let call = measure.iter().fold(call, |call, measure| call.number(u64::from(*measure)));
    reply::ledger::inspect(store.connection.call(&call).await?, keys.len())
}

/// Removes what expiry cannot, and records it, also when it did not come to an end.
pub async fn sweep(store: &RedisStore, operation: &Operation) -> Result<Swept, StoreError> {
    let mut swept = Swept { at: store.time().await?, ..Swept::default() };
    let ended = clean(store, &mut swept).await;
    let keys = [Shard::of_nobody().operations()];
    let call = store
        .script(&script::NOTE, names(&keys))
        .number(u64::from(swept.changed()))
        .text(&script::rest_of_record(Action::Sweep, None, operation));
    reply::ledger::numbers("note", store.connection.call(&call).await?, 0)?;
    swept.complete = ended?;
    swept.expired_by_itself = facts::expired_keys(&store.connection).await?;
    Ok(swept)
}

async fn clean(store: &RedisStore, swept: &mut Swept) -> Result<bool, StoreError> {
    let mut walk = Walk::new(store);
    while let Some(found) = walk.step().await? {
        let (known, unknown) = sorted(found);
        swept.looked_at += (known.len() + unknown.len()) as u64;
        for found in &known {
            match found.kind {
                Kind::Pending => swept.pending_removed += prune(store, &found.key).await?,
                Kind::Locked => swept.locked_removed += prune(store, &found.key).await?,
                Kind::Counts => swept.days_removed += forget_day(store, &found.key, swept.at).await?,
                Kind::Operations => {
                    swept.records_removed += one(store, &script::PRUNE_TRAIL, &found.key, None).await?;
                }
                Kind::Challenge | Kind::Account | Kind::Limit | Kind::Batches => {}
            }
        }
        let seen = inspect(store, &known, &vec![false; known.len()]).await?;
        let lasting = known.into_iter().zip(seen).filter(|(_, seen)| seen.there && !seen.expires);
        let lasting: Vec<String> = lasting.map(|(found, _)| found.key).collect();
        if !lasting.is_empty() {
            let call = store.script(&script::END, names(&lasting));
            let given = reply::ledger::numbers("end", store.connection.call(&call).await?, 1)?;
            swept.expiries_set += sum(&given.value);
        }
    }
    Ok(walk.is_complete())
}

async fn prune(store: &RedisStore, key: &str) -> Result<u64, StoreError> {
    let mut removed = 0;
    loop {
        let now = one(store, &script::PRUNE, key, Some(PRUNED)).await?;
        removed += now;
        if now < u64::from(PRUNED) {
            return Ok(removed);
        }
    }
}

async fn forget_day(store: &RedisStore, key: &str, now: Timestamp) -> Result<u64, StoreError> {
    let over = keys::day_of(key.as_bytes()).is_some_and(|day| day.end().plus(REMEMBERED_FOR) <= now);
    if over {
        store.connection.query(Cmd::new().arg("DEL").arg(key)).await?;
    }
    Ok(u64::from(over))
}

/// Runs a script that answers with one number.
async fn one(
    store: &RedisStore,
    script: &'static LazyLock<Script>,
    key: &str,
    most: Option<u32>,
) -> Result<u64, StoreError> {
    let call = store.script(script, std::iter::once(key));
    let call = match most {
        Some(most) => call.number(u64::from(most)),
        None => call,
    };
    let answer = reply::ledger::numbers("prune", store.connection.call(&call).await?, 1)?;
    Ok(sum(&answer.value))
}

fn sum(numbers: &[u32]) -> u64 {
    numbers.iter().copied().map(u64::from).sum()
}
