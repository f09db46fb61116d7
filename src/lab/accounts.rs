//! The books of the sample wallet: users, balances and transactions, in memory.
//!
//! Knows nothing of HTTP. Knows nothing of one-time codes either: a transaction is completed by
//! whoever calls [`Accounts::complete`], and that only the sidecar's `verify` route leads there is
//! the whole point of the demo.

use std::collections::HashMap;

use crate::domain::code::Entropy;
use crate::domain::id::hex;
use crate::domain::time::Timestamp;

/// The smallest amount that may be moved.
pub const LEAST: u64 = 100;
/// The largest amount that may be moved.
pub const MOST: u64 = 10_000_000;

/// Why a request is not carried out, in words for the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is already a user with this address.
    Taken,
    /// No user with this address and password.
    WrongPassword,
    /// No such user or transaction.
    NotFound,
    /// The transaction is already complete.
    AlreadyComplete,
    /// Not an amount that may be moved.
    Amount,
    /// More than there is.
    Insufficient,
}

/// What a transaction did or will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Money comes in.
    Funding,
    /// Money goes out.
    Purchase,
}

/// One line of the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The client's handle on it.
    pub reference: String,
    /// What it does.
    pub kind: Kind,
    /// How much it moves.
    pub amount: u64,
    /// Whether it has moved.
    pub complete: bool,
    /// When it was asked for.
    pub at: Timestamp,
}

/// A user as others may see one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The wallet's own id of the user; the subject of tokens.
    pub id: String,
    /// Where mail goes.
    pub email: String,
}

struct User {
    profile: Profile,
    // In memory, on loopback, for as long as the demo runs. A real wallet stores a password hash.
    password: String,
    balance: u64,
    transactions: Vec<Transaction>,
}

/// All users, by id.
#[derive(Default)]
pub struct Accounts {
    users: HashMap<String, User>,
}

impl Accounts {
    /// Adds a user with an empty wallet.
    ///
    /// # Errors
    /// [`Refused::Taken`].
    pub fn register(
        &mut self,
        email: &str,
        password: &str,
        entropy: &dyn Entropy,
    ) -> Result<Profile, Refused> {
        let email = email.trim().to_lowercase();
        if self.users.values().any(|user| user.profile.email == email) {
            return Err(Refused::Taken);
        }
        let profile = Profile { id: random(12, entropy), email };
        let user = User {
            profile: profile.clone(),
            password: password.to_owned(),
            balance: 0,
            transactions: Vec::new(),
        };
        self.users.insert(profile.id.clone(), user);
        Ok(profile)
    }

    /// The user with this address and password.
    ///
    /// # Errors
    /// [`Refused::WrongPassword`], also when there is no such user.
    pub fn login(&self, email: &str, password: &str) -> Result<Profile, Refused> {
        let email = email.trim().to_lowercase();
        let is_meant = |user: &&User| user.profile.email == email && user.password == password;
        self.users.values().find(is_meant).map(|user| user.profile.clone()).ok_or(Refused::WrongPassword)
    }

    /// What is in the wallet.
    ///
    /// # Errors
    /// [`Refused::NotFound`].
    pub fn balance(&self, id: &str) -> Result<u64, Refused> {
        self.users.get(id).map(|user| user.balance).ok_or(Refused::NotFound)
    }

    /// The books of one user, oldest line first.
    ///
    /// # Errors
    /// [`Refused::NotFound`].
    pub fn transactions(&self, id: &str) -> Result<&[Transaction], Refused> {
        self.users.get(id).map(|user| user.transactions.as_slice()).ok_or(Refused::NotFound)
    }

    /// Notes that money is to come in; moves nothing. Returns the reference.
    ///
    /// # Errors
    /// [`Refused::Amount`], [`Refused::NotFound`].
    pub fn fund(
        &mut self,
        id: &str,
        amount: u64,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<String, Refused> {
        let amount = movable(amount)?;
        let user = self.users.get_mut(id).ok_or(Refused::NotFound)?;
        let reference = format!("FUND-{}-{}", now.as_millis(), random(4, entropy));
        user.transactions.push(Transaction {
            reference: reference.clone(),
            kind: Kind::Funding,
            amount,
            complete: false,
            at: now,
        });
        Ok(reference)
    }

    /// Moves the money of a pending transaction, once. Returns the new balance.
    ///
    /// # Errors
    /// [`Refused::NotFound`], [`Refused::AlreadyComplete`].
    pub fn complete(&mut self, id: &str, reference: &str) -> Result<u64, Refused> {
        let user = self.users.get_mut(id).ok_or(Refused::NotFound)?;
        let meant = user.transactions.iter_mut().find(|transaction| transaction.reference == reference);
        let transaction = meant.ok_or(Refused::NotFound)?;
        if transaction.complete {
            return Err(Refused::AlreadyComplete);
        }
        transaction.complete = true;
        user.balance = user.balance.saturating_add(transaction.amount);
        Ok(user.balance)
    }

    /// Takes money out at once. Returns the new balance and the reference.
    ///
    /// # Errors
    /// [`Refused::Amount`], [`Refused::Insufficient`], [`Refused::NotFound`].
    pub fn deduct(
        &mut self,
        id: &str,
        amount: u64,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(u64, String), Refused> {
        let amount = movable(amount)?;
        let user = self.users.get_mut(id).ok_or(Refused::NotFound)?;
        user.balance = user.balance.checked_sub(amount).ok_or(Refused::Insufficient)?;
        let reference = format!("TXN-{}-{}", now.as_millis(), random(4, entropy));
        user.transactions.push(Transaction {
            reference: reference.clone(),
            kind: Kind::Purchase,
            amount,
            complete: true,
            at: now,
        });
        Ok((user.balance, reference))
    }
}

fn movable(amount: u64) -> Result<u64, Refused> {
    if (LEAST..=MOST).contains(&amount) { Ok(amount) } else { Err(Refused::Amount) }
}

fn random(bytes: usize, entropy: &dyn Entropy) -> String {
    let mut buffer = vec![0_u8; bytes];
    entropy.fill(&mut buffer);
    hex(&buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn one_user() -> (Accounts, Profile, Counting) {
        let entropy = Counting(AtomicU8::new(0));
        let mut accounts = Accounts::default();
        let user = accounts.register("Ada@Example.com", "secret", &entropy).unwrap();
        (accounts, user, entropy)
    }

    #[test]
    fn funding_moves_nothing_until_it_is_completed_and_then_moves_once() {
        let (mut accounts, user, entropy) = one_user();
        let reference = accounts.fund(&user.id, 5_000, Timestamp::default(), &entropy).unwrap();
        assert_eq!(accounts.balance(&user.id), Ok(0));
        assert_eq!(accounts.complete(&user.id, &reference), Ok(5_000));
        assert_eq!(accounts.complete(&user.id, &reference), Err(Refused::AlreadyComplete));
        assert_eq!(accounts.balance(&user.id), Ok(5_000));
    }

    #[test]
    fn nobody_completes_what_belongs_to_another_user() {
        let (mut accounts, user, entropy) = one_user();
        let other = accounts.register("bob@example.com", "secret", &entropy).unwrap();
        let reference = accounts.fund(&user.id, 5_000, Timestamp::default(), &entropy).unwrap();
        assert_eq!(accounts.complete(&other.id, &reference), Err(Refused::NotFound));
    }

    #[test]
    fn amounts_have_bounds_and_a_wallet_does_not_go_below_zero() {
        let (mut accounts, user, entropy) = one_user();
        let now = Timestamp::default();
        for amount in [0, LEAST - 1, MOST + 1, u64::MAX] {
            assert_eq!(accounts.fund(&user.id, amount, now, &entropy), Err(Refused::Amount));
            assert_eq!(accounts.deduct(&user.id, amount, now, &entropy), Err(Refused::Amount));
        }
        assert_eq!(accounts.deduct(&user.id, LEAST, now, &entropy), Err(Refused::Insufficient));
    }

    #[test]
    fn an_address_registers_once_whatever_its_case() {
        let (mut accounts, user, entropy) = one_user();
        assert_eq!(accounts.register("ADA@example.com", "x", &entropy), Err(Refused::Taken));
        assert_eq!(accounts.login("ada@EXAMPLE.com", "secret"), Ok(user));
        assert_eq!(accounts.login("ada@example.com", "other"), Err(Refused::WrongPassword));
    }
}
