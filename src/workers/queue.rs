//! Whose turn it is. Under attack most of those who wait are the attacker, so first come, first served would serve hardly
//! anybody else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Who wants a turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim {
    /// Where it comes from. Sources take turns: one that has many waiting does not keep the others.
    pub source: u64,
    /// Whether it is somebody who was here before. They go before strangers.
    pub familiar: bool,
}

/// Hands out a fixed number of turns at a time, and lets a fixed number wait for one.
pub struct Queue(Mutex<Waiting>);

struct Waiting {
    free: usize,
    capacity: usize,
    line: BTreeMap<Place, Waiter>,
    /// The round of whoever got the last turn.
    round: u64,
    arrivals: u64,
}

/// A place in the line, in its order: strangers last, then by round, then as they came. In a round each source has one
/// place, so that its next one is a round later.
type Place = (bool, u64, u64);

struct Waiter {
    source: u64,
    call: oneshot::Sender<Turn>,
}

/// Ends when dropped; then it is somebody else's.
pub struct Turn(Arc<Queue>);

impl Queue {
    pub fn new(turns: usize, capacity: usize) -> Self {
        Self(Mutex::new(Waiting {
            free: turns,
            capacity,
            line: BTreeMap::new(),
            round: 0,
            arrivals: 0,
        }))
    }

    /// Waits for a turn; `None` if there is no place to wait, or somebody with a better claim took it.
    pub async fn turn(self: &Arc<Self>, claim: Claim) -> Option<Turn> {
        let call = {
            let mut waiting = self.waiting();
            if waiting.free > 0 {
                waiting.free -= 1;
                return Some(Turn(self.clone()));
            }
            waiting.line_up(claim)
        };
        call.await.ok()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn line_up(&mut self, claim: Claim) -> oneshot::Receiver<Turn> {
        let (call, called) = oneshot::channel();
        // Those whose request is gone.
        self.line.retain(|_, waiter| !waiter.call.is_closed());
        let source = claim.source;
        let before = self.line.values().filter(|other| other.source == source);
        let round = self.round + before.count() as u64;
        self.arrivals += 1;
        self.line.insert(
            (!claim.familiar, round, self.arrivals),
            Waiter { source, call },
        );
        if self.line.len() > self.capacity {
            self.line.pop_last();
        }
        called
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        while let Some(((_, round, _), next)) = waiting.line.pop_first() {
            waiting.round = waiting.round.max(round);
            if next.call.is_closed() {
                continue;
            }
            drop(waiting);
            // If the other one leaves at this moment the turn comes back, is dropped, and goes on from there.
            let _ = next.call.send(Turn(self.0.clone()));
            return;
        }
        waiting.free += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting<'a> = Pin<Box<dyn Future<Output = Option<Turn>> + 'a>>;

    fn poll(waiting: &mut Waiting<'_>) -> Poll<Option<Turn>> {
        waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Somebody who waits already.
    fn wait(queue: &Arc<Queue>, source: u64, familiar: bool) -> Waiting<'_> {
        let mut waiting: Waiting<'_> = Box::pin(queue.turn(Claim { source, familiar }));
        assert!(poll(&mut waiting).is_pending());
        waiting
    }

    fn taken(queue: &Arc<Queue>) -> Turn {
        match poll(&mut (Box::pin(queue.turn(Claim::default())) as Waiting<'_>)) {
            Poll::Ready(Some(turn)) => turn,
            _ => panic!("no turn is free"),
        }
    }

    /// Which of them has the turn, once the one before has ended it.
    fn next(all: &mut Vec<(&'static str, Waiting<'_>)>, turn: Turn) -> (&'static str, Turn) {
        drop(turn);
        for index in 0..all.len() {
            if let Poll::Ready(Some(turn)) = poll(&mut all[index].1) {
                return (all.remove(index).0, turn);
            }
        }
        panic!("nobody was called");
    }

    #[test]
    fn sources_take_turns_and_the_familiar_go_first() {
        let queue = Arc::new(Queue::new(1, 100));
        let mut turn = taken(&queue);
        let mut all = vec![
            ("a1", wait(&queue, 1, false)),
            ("a2", wait(&queue, 1, false)),
            ("a3", wait(&queue, 1, false)),
            ("b1", wait(&queue, 2, false)),
            ("known", wait(&queue, 1, true)),
            ("b2", wait(&queue, 2, false)),
            ("c1", wait(&queue, 3, false)),
        ];
        let mut order = Vec::new();
        while !all.is_empty() {
            let called = next(&mut all, turn);
            order.push(called.0);
            turn = called.1;
        }
        assert_eq!(order, ["known", "a1", "b1", "c1", "a2", "b2", "a3"]);
        drop(turn);
        drop(taken(&queue));
    }

    #[test]
    fn the_greediest_give_way_when_the_line_is_full() {
        let queue = Arc::new(Queue::new(1, 3));
        let turn = taken(&queue);
        let mut greedy: Vec<_> = (0..3).map(|_| wait(&queue, 1, false)).collect();
        let mut one_more: Waiting<'_> = Box::pin(queue.turn(Claim {
            source: 1,
            familiar: false,
        }));
        assert!(matches!(poll(&mut one_more), Poll::Ready(None)));
        let mut other = wait(&queue, 2, false);
        assert!(
            matches!(poll(&mut greedy[2]), Poll::Ready(None)),
            "the last one had to go"
        );
        let _familiar = wait(&queue, 3, true);
        assert!(matches!(poll(&mut greedy[1]), Poll::Ready(None)));
        assert!(poll(&mut other).is_pending());
        drop(turn);
    }

    #[test]
    fn who_is_gone_is_skipped_and_no_turn_is_lost() {
        let queue = Arc::new(Queue::new(1, 2));
        let turn = taken(&queue);
        drop(wait(&queue, 1, false));
        drop(wait(&queue, 1, false));
        let staying = wait(&queue, 2, false);
        let leaving = wait(&queue, 3, false);
        drop(turn);
        // It is called, and leaves without having heard.
        drop(staying);
        drop(leaving);
        drop(taken(&queue));
    }
}
