//! Which turns run, and who wants to know of new ones.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::repository;
use super::turn::Turn;
use crate::clock;
use crate::db::Db;
use crate::messages::{self, Message};

/// How often a turn of this replica is looked for that has begun in the database but not yet here.
const BEGINNING: [Duration; 5] = [Duration::from_millis(10); 5];

/// The turns of this replica and the images of others that are read here. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    replica: Uuid,
    db: Db,
    draining: CancellationToken,
    rooms: Mutex<Rooms>,
    /// Whether other replicas have to be told what happens here.
    has_peers: AtomicBool,
    /// How many turns are about to begin.
    announced: AtomicUsize,
    /// Rung when there is something to save or to tell.
    pub(super) activity: Notify,
    /// Rung when there is an image to keep up.
    pub(super) images: Notify,
}

#[derive(Default)]
struct Rooms {
    /// The turns that run here, by conversation.
    turns: HashMap<Uuid, Arc<Turn>>,
    /// The images that somebody reads, by answer.
    images: HashMap<Uuid, Weak<Turn>>,
    /// Who waits for something to happen in a conversation.
    listeners: HashMap<Uuid, watch::Sender<()>>,
    /// The conversations in which something happened that the other replicas were not told.
    untold: HashSet<Uuid>,
}

/// That a turn is about to begin, until it is dropped.
pub struct Announcement(Hub);

impl Drop for Announcement {
    fn drop(&mut self) {
        self.0.0.announced.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Hub {
    /// A replica without turns.
    pub fn new(db: Db, draining: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            replica: clock::new_id(),
            db,
            draining,
            rooms: Mutex::default(),
            has_peers: AtomicBool::new(false),
            announced: AtomicUsize::new(0),
            activity: Notify::new(),
            images: Notify::new(),
        }))
    }

    /// This process among those that share the database.
    pub fn replica(&self) -> Uuid {
        self.0.replica
    }

    /// The turn that runs here in a conversation.
    pub fn running(&self, conversation: Uuid) -> Option<Arc<Turn>> {
        self.rooms().turns.get(&conversation).cloned()
    }

    /// All turns that run here.
    pub fn all_running(&self) -> Vec<Arc<Turn>> {
        self.rooms().turns.values().cloned().collect()
    }

    /// All turns of a user's that run here.
    pub(super) fn all_running_of(&self, owner: Uuid) -> Vec<Arc<Turn>> {
        let mut turns = self.all_running();
        turns.retain(|turn| turn.owner == owner);
        turns
    }

    /// Announces a turn, so that what goes on in the background for turns does not end before it has begun.
    pub fn announce(&self) -> Announcement {
        self.0.announced.fetch_add(1, Ordering::SeqCst);
        Announcement(self.clone())
    }

    /// Whether no turn runs here or is about to.
    pub(super) fn is_done(&self) -> bool {
        self.0.announced.load(Ordering::SeqCst) == 0 && self.rooms().turns.is_empty()
    }

    /// Makes a turn known that has begun here.
    pub fn begin(&self, turn: &Arc<Turn>) {
        let conversation = turn.conversation();
        let mut rooms = self.rooms();
        rooms.turns.insert(conversation, Arc::clone(turn));
        self.happened(&mut rooms, conversation);
    }

    /// Makes known that a turn of this replica is over. To be called before its readers are told, because the next one
    /// may begin as soon as they know.
    pub fn end(&self, turn: &Turn) {
        let conversation = turn.conversation();
        let mut rooms = self.rooms();
        let is_it = |running: &Arc<Turn>| running.answer.id == turn.answer.id;
        if rooms.turns.get(&conversation).is_some_and(is_it) {
            rooms.turns.remove(&conversation);
        }
        self.happened(&mut rooms, conversation);
    }

    /// The turn that runs in the user's conversation, here or elsewhere.
    pub async fn join(&self, owner: Uuid, conversation: Uuid) -> sqlx::Result<Option<Arc<Turn>>> {
        for pause in BEGINNING {
            if let Some(turn) = self
                .running(conversation)
                .filter(|turn| turn.owner == owner)
            {
                return Ok(Some(turn));
            }
            let Some(answer) =
                messages::repository::find_running(&self.0.db, owner, conversation).await?
            else {
                return Ok(None);
            };
            if repository::is_written_by(&self.0.db, owner, answer.id, self.replica()).await? {
                // It is about to begin here, or has ended just now.
                sleep(pause).await;
                continue;
            }
            return self.follow(owner, answer).await;
        }
        Ok(None)
    }

    /// Makes the image of a turn that runs elsewhere.
    async fn follow(&self, owner: Uuid, answer: Message) -> sqlx::Result<Option<Arc<Turn>>> {
        let db = &self.0.db;
        let Some(question) = messages::repository::find_question_of(db, owner, &answer).await?
        else {
            return Ok(None);
        };
        // The text so far comes piece by piece, as it did there.
        let image = Turn::image(
            owner,
            question,
            answer.before_it_began(),
            self.0.draining.clone(),
        );
        let mut rooms = self.rooms();
        let known = rooms.images.get(&answer.id).and_then(Weak::upgrade);
        let image = known.unwrap_or_else(|| {
            let image = Arc::new(image);
            rooms.images.insert(answer.id, Arc::downgrade(&image));
            image
        });
        drop(rooms);
        self.0.images.notify_one();
        Ok(Some(image))
    }

    /// The images that somebody reads.
    pub(super) fn all_images(&self) -> Vec<Arc<Turn>> {
        let mut rooms = self.rooms();
        let mut images = Vec::with_capacity(rooms.images.len());
        rooms.images.retain(|_, image| {
            let image = image.upgrade().filter(|image| image.end().is_none());
            let is_read = image.is_some();
            images.extend(image);
            is_read
        });
        images
    }

    /// Tells when something may have happened in a conversation: that a turn has begun, above all.
    pub fn listen(&self, conversation: Uuid) -> watch::Receiver<()> {
        let mut rooms = self.rooms();
        // Those that nobody listens to any more go when there are many new ones.
        if rooms.listeners.len() >= 64 && rooms.listeners.len().is_power_of_two() {
            rooms
                .listeners
                .retain(|_, listeners| listeners.receiver_count() > 0);
        }
        rooms.listeners.entry(conversation).or_default().subscribe()
    }

    /// Something happened in these conversations on another replica; `None` stands for any of them.
    pub(super) fn happened_elsewhere(&self, conversations: Option<&[Uuid]>) {
        let rooms = self.rooms();
        match conversations {
            Some(conversations) => {
                for listeners in conversations
                    .iter()
                    .filter_map(|conversation| rooms.listeners.get(conversation))
                {
                    listeners.send_replace(());
                }
            }
            None => rooms
                .listeners
                .values()
                .for_each(|listeners| listeners.send_replace(())),
        }
        drop(rooms);
        self.0.images.notify_one();
    }

    fn happened(&self, rooms: &mut Rooms, conversation: Uuid) {
        if let Some(listeners) = rooms.listeners.get(&conversation) {
            listeners.send_replace(());
        }
        if self.has_peers() {
            rooms.untold.insert(conversation);
        }
        self.0.activity.notify_one();
    }

    /// Notes whether there are other replicas.
    pub(super) fn set_peers(&self, has_peers: bool) {
        self.0.has_peers.store(has_peers, Ordering::Relaxed);
    }

    /// Whether there are other replicas.
    pub(super) fn has_peers(&self) -> bool {
        self.0.has_peers.load(Ordering::Relaxed)
    }

    /// Notes that a turn of this replica has grown in the database.
    pub(super) fn has_grown(&self, turn: &Turn) {
        if self.has_peers() {
            self.rooms().untold.insert(turn.conversation());
        }
    }

    /// Takes the conversations that the other replicas have yet to be told of.
    pub(super) fn take_untold(&self) -> Vec<Uuid> {
        self.rooms().untold.drain().collect()
    }

    /// Whether there is nothing to save and nothing to tell.
    pub(super) fn is_idle(&self) -> bool {
        let rooms = self.rooms();
        rooms.turns.is_empty() && rooms.untold.is_empty()
    }

    pub(super) fn activity(&self) -> &Notify {
        &self.0.activity
    }

    pub(super) fn images_to_keep_up(&self) -> &Notify {
        &self.0.images
    }

    /// Nothing that runs under this lock can panic half-way, so a poisoned one is as good as any.
    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
