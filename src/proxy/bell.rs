//! What wakes the task of a connection to the upstream, except for nothing.
//!
//! hyper wakes whoever reads a body from the wire for each piece that is taken out of it, also for the last
//! one. There is nothing left to read then, and that would be one poll of a task in five. Only who takes a
//! piece knows that it is the last, so wakes on this thread are held while it does. What is held by mistake
//! would be a connection that never moves again, so each doubt ends in a wake: a body without a length, a
//! wake from elsewhere, a second wake, a panic.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Stands before the waker of a connection's task.
struct Bell(Waker);

enum Hold {
    No,
    Yes,
    Rung(Arc<Bell>),
}

impl Hold {
    fn ring(self) {
        if let Self::Rung(bell) = self {
            bell.0.wake_by_ref();
        }
    }
}

thread_local! {
    static HOLD: Cell<Hold> = const { Cell::new(Hold::No) };
}

/// What was held before. A thread that is about to end holds nothing.
fn replace_hold(next: Hold) -> Hold {
    HOLD.try_with(|hold| hold.replace(next)).unwrap_or(Hold::No)
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        match replace_hold(Hold::No) {
            Hold::No => self.0.wake_by_ref(),
            Hold::Yes => drop(replace_hold(Hold::Rung(self))),
            earlier => {
                earlier.ring();
                drop(replace_hold(Hold::Rung(self)));
            }
        }
    }
}

/// Ends the hold, also when what was done under it panics.
struct Held;

impl Held {
    /// Begins to hold. One take within another is not foreseen, and ends the outer one's hold with a wake.
    fn begin() -> Self {
        replace_hold(Hold::Yes).ring();
        Self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        replace_hold(Hold::No).ring();
    }
}

/// Drives a connection to its end. What went wrong with it reaches whoever waits for the answer.
pub(super) async fn drive(mut connection: impl Future + Unpin) {
    // A task has one waker for all its life.
    let bell = poll_fn(|cx| Poll::Ready(Waker::from(Arc::new(Bell(cx.waker().clone()))))).await;
    poll_fn(|_| Pin::new(&mut connection).poll(&mut Context::from_waker(&bell)).map(drop)).await;
}

/// Takes a piece out of a body. Who reads the body from the wire is woken afterwards, unless that was the
/// last piece.
pub(super) fn take<B, T>(
    body: &mut B,
    piece: impl FnOnce(&mut B) -> T,
    was_last: impl FnOnce(&B) -> bool,
) -> T {
    let held = Held::begin();
    let taken = piece(body);
    if was_last(body) {
        drop(replace_hold(Hold::No));
    }
    drop(held);
    taken
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    /// A waker that goes through a bell, and how often its task was woken.
    fn belled() -> (Waker, Arc<Count>) {
        let count = Arc::new(Count::default());
        (Waker::from(Arc::new(Bell(Waker::from(Arc::clone(&count))))), count)
    }

    fn woken(count: &Count) -> usize {
        count.0.swap(0, SeqCst)
    }

    #[test]
    fn a_piece_with_more_behind_it_wakes_the_reader_and_the_last_one_does_not() {
        let (waker, count) = belled();
        take(&mut (), |()| waker.wake_by_ref(), |()| false);
        assert_eq!(woken(&count), 1);
        take(&mut (), |()| waker.wake_by_ref(), |()| true);
        assert_eq!(woken(&count), 0);
    }

    #[test]
    fn outside_of_a_take_every_wake_gets_through() {
        let (waker, count) = belled();
        waker.wake_by_ref();
        take(&mut (), |()| waker.wake_by_ref(), |()| true);
        waker.wake_by_ref();
        take(&mut (), |()| (), |()| true);
        waker.wake();
        assert_eq!(woken(&count), 3);
    }

    #[test]
    fn nobody_is_woken_for_a_take_that_woke_nobody() {
        let (_waker, count) = belled();
        take(&mut (), |()| (), |()| false);
        assert_eq!(woken(&count), 0);
    }

    #[test]
    fn only_the_wake_that_a_take_makes_last_can_be_spared() {
        let ((one, ones), (other, others)) = (belled(), belled());
        let both = || (one.wake_by_ref(), other.wake_by_ref());
        take(&mut (), |()| both(), |()| false);
        assert_eq!((woken(&ones), woken(&others)), (1, 1));
        take(&mut (), |()| both(), |()| true);
        assert_eq!((woken(&ones), woken(&others)), (1, 0));
    }

    #[test]
    fn a_take_within_a_take_loses_no_wake() {
        let ((outer, outers), (inner, inners)) = (belled(), belled());
        let nested = |()| {
            outer.wake_by_ref();
            take(&mut (), |()| inner.wake_by_ref(), |()| true);
            outer.wake_by_ref();
        };
        take(&mut (), |()| nested(()), |()| true);
        assert_eq!((woken(&outers), woken(&inners)), (2, 0));
    }

    #[test]
    fn a_wake_from_another_thread_is_not_held() {
        let (waker, count) = belled();
        let ring = |waker: &Waker| std::thread::scope(|scope| scope.spawn(|| waker.wake_by_ref()).join());
        take(&mut (), |()| ring(&waker).unwrap(), |()| true);
        assert_eq!(woken(&count), 1);
    }

    #[test]
    fn a_take_that_panics_wakes_and_holds_nothing_afterwards() {
        let (waker, count) = belled();
        let broken = catch_unwind(AssertUnwindSafe(|| {
            take(
                &mut (),
                |()| {
                    waker.wake_by_ref();
                    std::panic::resume_unwind(Box::new(()));
                },
                |()| true,
            )
        }));
        assert!(broken.is_err());
        assert_eq!(woken(&count), 1);
        waker.wake_by_ref();
        assert_eq!(woken(&count), 1);
    }

    #[test]
    fn a_thread_that_ends_still_wakes() {
        struct AtTheEnd(Waker);
        impl Drop for AtTheEnd {
            fn drop(&mut self) {
                self.0.wake_by_ref();
            }
        }
        thread_local!(static LEFT: Cell<Option<AtTheEnd>> = const { Cell::new(None) });
        let (waker, count) = belled();
        // Destructors run in no order that one may rely on, so both are tried.
        for holds_first in [true, false] {
            let left = AtTheEnd(waker.clone());
            let end = std::thread::spawn(move || {
                if holds_first {
                    take(&mut (), |()| (), |()| true);
                }
                LEFT.set(Some(left));
                take(&mut (), |()| (), |()| true);
            });
            assert!(end.join().is_ok());
            assert_eq!(woken(&count), 1, "{holds_first}");
        }
    }

    #[tokio::test]
    async fn a_driven_future_is_woken_and_runs_to_its_end() {
        let mut left = 3;
        drive(poll_fn(|cx| {
            left -= 1;
            cx.waker().wake_by_ref();
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        }))
        .await;
        assert_eq!(left, 0);
    }
}
