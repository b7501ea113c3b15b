//! How much a client may ask for, and how long is waited for it.

use std::time::Duration;

use tokio::time::Instant;

/// Longest frame that is read, in bytes.
pub const FRAME_BYTES: usize = 1024 * 1024;

/// How many conversations one socket can watch.
pub const SUBSCRIPTIONS: usize = 100;

/// How many answers to commands may wait to be written. After that no more commands are read.
pub const REPLIES: usize = 32;

/// How many stopped answers a socket waits for at a time.
pub const STOPS: usize = 8;

/// How many frames a client may send at once, and how soon each of them is forgotten.
const BURST: u32 = 60;
const FRAME_COST: Duration = Duration::from_millis(100);

/// How long is waited for what. Part of the state rather than constants, so that tests need not wait that long.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the proof who it is that opened the socket.
    pub authentication: Duration,
    /// Between two pings of ours. Proxies close what is silent for 30 to 100 seconds.
    pub ping: Duration,
    /// For any frame, be it the answer to a ping, before the client is taken for gone.
    pub silence: Duration,
    /// For a frame to be taken, beyond the time that its length needs on a slow line.
    pub stall: Duration,
    /// Between two looks whether the account is still there and active.
    pub account: Duration,
    /// For the client's part in closing the socket.
    pub closing: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            authentication: Duration::from_secs(10),
            ping: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            account: Duration::from_secs(30),
            closing: Duration::from_secs(1),
        }
    }
}

impl Patience {
    /// For a frame of so many bytes to be taken: longer ones may come by a line that carries 64 KiB a second.
    pub fn for_frame(&self, bytes: usize) -> Duration {
        self.stall + Duration::from_millis(bytes as u64 / 64)
    }
}

/// What a client has left of its 60 frames at once, or 10 a second in the long run.
pub struct Allowance {
    /// When all frames so far are forgotten.
    forgotten_at: Instant,
}

impl Allowance {
    pub fn new() -> Self {
        Self {
            forgotten_at: Instant::now(),
        }
    }

    /// Counts a frame; `false` if it is one too many.
    pub fn take(&mut self) -> bool {
        let now = Instant::now();
        self.forgotten_at = self.forgotten_at.max(now) + FRAME_COST;
        self.forgotten_at <= now + BURST * FRAME_COST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_frames_at_once_are_allowed_and_then_ten_a_second() {
        let mut allowance = Allowance::new();
        assert!((0..BURST).all(|_| allowance.take()));
        assert!((0..3).any(|_| !allowance.take()));
        let mut steady = Allowance::new();
        steady.forgotten_at = Instant::now() + (BURST - 2) * FRAME_COST;
        assert!(steady.take());
    }
}
