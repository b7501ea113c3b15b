//! Answers as they come about. A turn is a job of the server's, not of the connection that asked for it: whoever
//! watches sees the same events of the same turn, and leaving, coming back, a crash or another replica loses nothing.
//!
//! The truth is in the database, which has the text of each running answer in pieces. In memory there is one [`Turn`]
//! with the text for all its readers, found by way of the [`Hub`]. On another replica there is an image of it for the
//! readers there.

mod follower;
mod hub;
pub mod reader;
mod relay;
mod replicas;
mod repository;
mod saver;
pub mod sse;
pub mod told;
pub mod turn;

use std::time::Duration;

pub use follower::deleted;
pub use hub::Hub;
pub use reader::Reader;
pub use relay::{request_stop, stop_deleted};
pub use replicas::enter;
pub use repository::INTERRUPTED;
pub use turn::{End, Kind, Turn};

use crate::db::Db;
use crate::tasks::Tasks;

/// How often to look whether all turns have ended, once the server is to stop.
const GLANCE: Duration = Duration::from_millis(20);

/// What goes on in the background for as long as there are turns: to store and to tell what grows, to follow what grows
/// elsewhere, and to look after each other.
pub async fn run(db: Db, hub: Hub, tasks: Tasks) {
    let work = async {
        tokio::join!(
            saver::save_periodically(&db, &hub),
            follower::follow(&db, &hub),
            replicas::stay(&db, &hub),
            relay::hear(&db, &hub),
        )
    };
    let done = async {
        tasks.draining().cancelled().await;
        while !hub.is_done() {
            tokio::time::sleep(GLANCE).await;
        }
    };
    tokio::select! {
        _ = work => {}
        () = done => {}
    }
    relay::tell(&db, &hub.take_untold()).await;
    replicas::leave(&db, &hub).await;
}
