//! The scripts of operators, and the texts in their arguments. They share parts with those of decisions, which know
//! nothing of them.

use std::sync::LazyLock;

use crate::domain::ledger::counts::{BATCHES_REMEMBERED_FOR, CountKey, MOST_KEYS};
use crate::domain::ledger::trail::{Action, KEPT_RECORDS, Operation};
use crate::domain::subject::{ClientAddr, Subject};
use crate::domain::time::millis;
use crate::domain::window::Take;
use crate::store::redis::script::{ACCOUNT, CHALLENGE, Script, TIME};

const TRAIL: &str = include_str!("../lua/trail.lua");
const WINDOW: &str = include_str!("../lua/window.lua");
const SHOWN: &str = include_str!("../lua/shown.lua");
const LISTING: &str = include_str!("../lua/listing.lua");

/// [`crate::domain::ledger::list::locks`], a part of one shard.
pub static LOCKS: LazyLock<Script> =
    LazyLock::new(|| of(&[TIME, ACCOUNT, SHOWN, LISTING, include_str!("../lua/locks.lua")]));
/// [`crate::domain::ledger::list::challenges`], a part of one shard.
pub static CHALLENGES: LazyLock<Script> =
    LazyLock::new(|| of(&[TIME, ACCOUNT, CHALLENGE, SHOWN, LISTING, include_str!("../lua/challenges.lua")]));
/// [`crate::domain::ledger::list::account`].
pub static LOOK: LazyLock<Script> =
    LazyLock::new(|| of(&[TIME, ACCOUNT, CHALLENGE, SHOWN, include_str!("../lua/look.lua")]));
/// [`crate::domain::ledger::limits::usage`].
pub static USAGE: LazyLock<Script> = LazyLock::new(|| of(&[TIME, WINDOW, include_str!("../lua/usage.lua")]));
/// [`crate::domain::ledger::examine::examine`].
pub static EXAMINE: LazyLock<Script> =
    LazyLock::new(|| of(&[TIME, CHALLENGE, include_str!("../lua/examine.lua")]));
/// [`crate::domain::ledger::clear::clear`].
pub static CLEAR: LazyLock<Script> =
    LazyLock::new(|| of(&[TIME, ACCOUNT, SHOWN, WINDOW, TRAIL, include_str!("../lua/clear.lua")]));
/// [`crate::domain::ledger::revoke::revoke`].
pub static REVOKE: LazyLock<Script> =
    LazyLock::new(|| of(&[TIME, CHALLENGE, TRAIL, include_str!("../lua/revoke.lua")]));
/// [`crate::domain::ledger::limits::reset`], of one shard.
pub static RESET: LazyLock<Script> =
    LazyLock::new(|| of(&[TIME, WINDOW, TRAIL, include_str!("../lua/reset.lua")]));
/// [`crate::domain::ledger::counts::CountBook::add`].
pub static ADD_COUNTS: LazyLock<Script> =
    LazyLock::new(|| of(&[TIME, include_str!("../lua/add_counts.lua")]));
/// Looks at keys for an inventory or a sweep.
pub static INSPECT: LazyLock<Script> = LazyLock::new(|| of(&[TIME, include_str!("../lua/inspect.lua")]));
/// Takes those whose time is over off a list.
pub static PRUNE: LazyLock<Script> = LazyLock::new(|| of(&[TIME, include_str!("../lua/prune.lua")]));
/// Forgets records that are too old.
pub static PRUNE_TRAIL: LazyLock<Script> =
    LazyLock::new(|| of(&[TIME, include_str!("../lua/prune_trail.lua")]));
/// Gives ends to keys that have none.
pub static END: LazyLock<Script> = LazyLock::new(|| of(&[TIME, include_str!("../lua/end.lua")]));
/// Records what was done without a change of its own.
pub static NOTE: LazyLock<Script> = LazyLock::new(|| of(&[TIME, TRAIL, include_str!("../lua/note.lua")]));

/// Joins the parts after the constants that only operators' scripts need.
fn of(parts: &[&str]) -> Script {
    let constants = format!(
        "local KEPT_RECORDS = {KEPT_RECORDS}\nlocal BATCHES_REMEMBERED_FOR = {}\nlocal MOST_KEYS = {MOST_KEYS}\nlocal LEFT_OUT = '{}'\n",
        millis(BATCHES_REMEMBERED_FOR),
        CountKey::LeftOut.encode(),
    );
    Script::of(&[&[constants.as_str()], parts].concat())
}

/// What a record says beside its time, its effect, its purpose and its reference: one thing on each line.
pub fn rest_of_record(action: Action, subject: Option<&Subject>, operation: &Operation) -> String {
    rest(action, subject, "", None, operation)
}

/// The same about a limit.
pub fn rest_of_reset(take: &Take, operation: &Operation) -> String {
    rest(Action::Reset, take.owner.subject.as_ref(), take.limit.as_str(), take.owner.client, operation)
}

fn rest(
    action: Action,
    subject: Option<&Subject>,
    limit: &str,
    client: Option<ClientAddr>,
    operation: &Operation,
) -> String {
    let subject = subject.map_or("", Subject::as_str);
    let client = client.map(|client| client.to_string()).unwrap_or_default();
    let (by, reason) = (operation.by.as_str(), operation.reason.as_str());
    [action.as_str(), subject, limit, &client, by, reason].join("\n")
}
