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
    /// Whether it is somebody who was here before. They wait in a line of their own, which gets every other turn.
    pub familiar: bool,
}

/// Hands out a fixed number of turns at a time, and lets a fixed number wait for one.
pub struct Queue(Mutex<Waiting>);

struct Waiting {
    free: usize,
    /// Strangers, and those who were here before.
    lines: [Line; 2],
    /// Whose line gets the next turn, if somebody waits in it.
    next: usize,
}

/// Who waits, in the order of their turns: by round, then as they came. In a round each source has one place, so that its
/// next one is a round later.
struct Line {
    capacity: usize,
    waiters: BTreeMap<(u64, u64), Waiter>,
    /// The round of whoever got the last turn.
    round: u64,
    arrivals: u64,
}

struct Waiter {
    source: u64,
    call: oneshot::Sender<Turn>,
}

/// Ends when dropped; then it is somebody else's.
pub struct Turn(Arc<Queue>);

impl Queue {
    /// `turns` at a time; in each line as many wait as `capacity` says.
    pub fn new(turns: usize, capacity: usize) -> Self {
        let line = || Line {
            capacity,
            waiters: BTreeMap::new(),
            round: 0,
            arrivals: 0,
        };
        Self(Mutex::new(Waiting {
            free: turns,
            lines: [line(), line()],
            next: 0,
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
            waiting.lines[usize::from(claim.familiar)].join(claim.source)
        };
        call.await.ok()
    }

    /// Whether somebody who came now would find a place.
    pub fn has_place(&self, claim: Claim) -> bool {
        let mut waiting = self.waiting();
        waiting.free > 0 || waiting.lines[usize::from(claim.familiar)].has_place(claim.source)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Who has the next turn.
    fn call(&mut self) -> Option<oneshot::Sender<Turn>> {
        let [strangers, familiar] = &mut self.lines;
        let (first, second) = match self.next {
            0 => (strangers, familiar),
            _ => (familiar, strangers),
        };
        let call = first.leave().or_else(|| second.leave());
        self.next = 1 - self.next;
        call
    }
}

impl Line {
    fn join(&mut self, source: u64) -> oneshot::Receiver<Turn> {
        let (call, called) = oneshot::channel();
        let round = self.round_of(source);
        self.arrivals += 1;
        self.waiters
            .insert((round, self.arrivals), Waiter { source, call });
        if self.waiters.len() > self.capacity {
            self.waiters.pop_last();
        }
        called
    }

    fn has_place(&mut self, source: u64) -> bool {
        let round = self.round_of(source);
        self.waiters.len() < self.capacity
            || self
                .waiters
                .last_key_value()
                .is_some_and(|(&(last, _), _)| round < last)
    }

    /// In which round a source would get its next turn.
    fn round_of(&mut self, source: u64) -> u64 {
        // Those whose request is gone.
        self.waiters.retain(|_, waiter| !waiter.call.is_closed());
        let before = self.waiters.values().filter(|other| other.source == source);
        self.round + before.count() as u64
    }

    fn leave(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(((round, _), waiter)) = self.waiters.pop_first() {
            self.round = self.round.max(round);
            if !waiter.call.is_closed() {
                return Some(waiter.call);
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        if let Some(call) = waiting.call() {
            drop(waiting);
            // If the other one leaves at this moment the turn comes back, is dropped, and goes on from there.
            let _ = call.send(Turn(self.0.clone()));
        } else {
            waiting.free += 1;
        }
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
    fn sources_take_turns_and_so_do_strangers_and_the_familiar() {
        let queue = Arc::new(Queue::new(1, 100));
        let mut turn = taken(&queue);
        let mut all = vec![
            ("a1", wait(&queue, 1, false)),
            ("a2", wait(&queue, 1, false)),
            ("a3", wait(&queue, 1, false)),
            ("b1", wait(&queue, 2, false)),
            ("known1", wait(&queue, 1, true)),
            ("known2", wait(&queue, 1, true)),
            ("b2", wait(&queue, 2, false)),
            ("c1", wait(&queue, 3, false)),
        ];
        let mut order = Vec::new();
        while !all.is_empty() {
            let called = next(&mut all, turn);
            order.push(called.0);
            turn = called.1;
        }
        assert_eq!(
            order,
            ["a1", "known1", "b1", "known2", "c1", "a2", "b2", "a3"]
        );
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
        let claim = |source| Claim {
            source,
            familiar: false,
        };
        assert!(!queue.has_place(claim(1)) && queue.has_place(claim(2)));
        assert!(matches!(poll(&mut one_more), Poll::Ready(None)));
        let mut other = wait(&queue, 2, false);
        assert!(
            matches!(poll(&mut greedy[2]), Poll::Ready(None)),
            "the last one had to go"
        );
        let _familiar = wait(&queue, 3, true);
        assert!(poll(&mut greedy[1]).is_pending(), "that is another line");
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
