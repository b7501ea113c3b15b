//! What a client can ask for, and how it is obeyed.

use std::collections::HashMap;

use futures_util::StreamExt;
use futures_util::stream::{AbortHandle, FuturesUnordered, abortable};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::limits::{STOPS, SUBSCRIPTIONS};
use super::refusal::{self, Code, Refusal};
use super::reply::{self, Reply};
use super::subscription::Subscription;
use super::writer::Telling;
use crate::app::App;
use crate::conversations::turn::idempotency::Key;
use crate::conversations::turn::{self, Opening, Said};
use crate::conversations::{self, read_content};
use crate::error::Error;
use crate::http::fields::{Form, NOT_A_STRING, Reference, Rule};
use crate::http::path::parse_uuid;
use crate::messages;

type Fields = Map<String, Value>;

/// The commands of one client, and what it watches.
pub struct Commands<'a> {
    app: &'a App,
    user: Uuid,
    /// Whether the client came with a ticket, which is good for reading only.
    only_reads: bool,
    tellings: mpsc::Sender<Telling>,
    subscriptions: HashMap<Uuid, AbortHandle>,
    /// Answers that are being stopped: other commands need not wait until they are stored.
    stops: FuturesUnordered<JoinHandle<Result<Reply, Refusal>>>,
}

impl<'a> Commands<'a> {
    pub fn new(
        app: &'a App,
        user: Uuid,
        only_reads: bool,
        tellings: mpsc::Sender<Telling>,
    ) -> Self {
        Self {
            app,
            user,
            only_reads,
            tellings,
            subscriptions: HashMap::new(),
            stops: FuturesUnordered::new(),
        }
    }

    /// Tells that the client is known, and lets it watch the conversation that it named when it came.
    pub async fn greet(&mut self, conversation: Option<String>, last_event_id: Option<String>) {
        let Some(named) = conversation else {
            self.tell(&Reply::ConnectionEstablished {
                conversation_id: None,
            })
            .await;
            return;
        };
        let last = last_event_id.and_then(|id| id.trim().parse().ok());
        let opened = match parse_uuid(&named) {
            Some(id) => self.open(id, last).await.map(|opened| (id, opened)),
            None => Err(Error::NotFound),
        };
        let known = opened.as_ref().ok().map(|&(id, _)| id);
        self.tell(&Reply::ConnectionEstablished {
            conversation_id: known,
        })
        .await;
        match opened {
            Ok((id, (subscription, running))) => self.follow(id, subscription, running).await,
            Err(error) => {
                let refusal = Refusal {
                    conversation_id: echo(&Value::String(named)),
                    ..refusal::of(error).await
                };
                self.answer(Err(refusal)).await;
            }
        }
    }

    /// Does what a frame says.
    pub async fn obey(&mut self, text: &str) {
        let fields: Fields = match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => {
                let refusal = Refusal::new(Code::BadFrame, "A frame must be a JSON object.");
                return self.answer(Err(refusal)).await;
            }
            Err(error) => {
                let text = format!("The frame is no JSON: {error}.");
                return self.answer(Err(Refusal::new(Code::BadFrame, text))).await;
            }
        };
        let name = fields.get("type").and_then(Value::as_str);
        let echoed = |name| fields.get(name).and_then(echo);
        let (conversation_id, idempotency_key) =
            (echoed("conversation_id"), echoed("idempotency_key"));
        let done = match name.unwrap_or_default() {
            "ping" => Ok(Some(Reply::Pong)),
            "subscribe" => self.subscribe(fields).await,
            "unsubscribe" => self.unsubscribe(fields).await.map(Some),
            "send" | "stop" if self.only_reads => Err(Refusal::new(
                Code::ReadOnly,
                "This socket was opened with a ticket, which is good for watching only.",
            )
            .into()),
            "send" => self.send(fields).await.map(Some),
            "stop" => self.stop(fields).map(|()| None),
            "auth" => Err(Refusal::new(Code::Unexpected, "You are known already.").into()),
            _ => Err(Refusal::new(
                Code::UnknownType,
                "The type of a frame is one of ping, subscribe, unsubscribe, send and stop.",
            )
            .into()),
        };
        match done {
            Ok(Some(reply)) => self.tell(&reply).await,
            Ok(None) => {}
            Err(no) => {
                let refusal = Refusal {
                    conversation_id,
                    idempotency_key,
                    ..no.into_refusal().await
                };
                self.answer(Err(refusal)).await;
            }
        }
    }

    async fn subscribe(&mut self, fields: Fields) -> Result<Option<Reply>, No> {
        let mut form = Form::new(fields);
        let conversation = form.required("conversation_id", &Reference);
        let last = form.nullable("last_event_id", &EventId).flatten();
        let conversation_id = form.complete(conversation)?;
        if self.subscriptions.contains_key(&conversation_id) {
            // Its events are on their way already.
            let running =
                messages::repository::find_running(&self.app.db, self.user, conversation_id);
            return Ok(Some(Reply::Subscribed {
                conversation_id,
                running: running.await.map_err(Error::from)?.is_some(),
            }));
        }
        self.find_room()?;
        let (subscription, running) = self.open(conversation_id, last).await?;
        self.follow(conversation_id, subscription, running).await;
        Ok(None)
    }

    async fn unsubscribe(&mut self, fields: Fields) -> Result<Reply, No> {
        let mut form = Form::new(fields);
        let conversation = form.required("conversation_id", &Reference);
        let conversation_id = form.complete(conversation)?;
        if let Some(watching) = self.subscriptions.remove(&conversation_id) {
            watching.abort();
        }
        Ok(Reply::Unsubscribed { conversation_id })
    }

    async fn send(&mut self, mut fields: Fields) -> Result<Reply, No> {
        let (app, owner) = (self.app, self.user);
        let mut form = Form::new(Fields::from_iter(fields.remove_entry("conversation_id")));
        let conversation = form.required("conversation_id", &Reference);
        let conversation = form.complete(conversation)?;
        let place = turn::find_place(&app.db, owner, conversation)
            .await
            .map_err(Error::from)?
            .ok_or(Error::NotFound)?;
        let content = read_content(&fields)?;
        let key = match fields.get("idempotency_key") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(Key::new(text, conversation, &content)?),
            Some(_) => return Err(Error::field("idempotency_key", NOT_A_STRING).into()),
        };
        let idempotency_key = key.as_ref().map(|key| key.text.clone());
        // Listens from before the turn begins, so that none is missed that comes after it.
        let watching = if self.subscriptions.contains_key(&conversation) {
            None
        } else {
            self.find_room()?;
            Some(Subscription::new(app, owner, conversation))
        };
        let opening = Opening {
            owner,
            place,
            said: Said::New {
                content,
                client_id: None,
                key,
            },
        };
        let turn = turn::begin(app, opening).await?;
        let running = turn.end().is_none();
        if let Some(watching) = watching {
            let watching = watching.starting_with(&turn);
            self.follow(conversation, watching, running).await;
        }
        Ok(Reply::Sent {
            conversation_id: conversation,
            message_id: turn.answer.id,
            running,
            idempotency_key,
        })
    }

    fn stop(&mut self, fields: Fields) -> Result<(), No> {
        let named = fields.get("conversation_id").and_then(echo);
        let mut form = Form::new(fields);
        let conversation = form.required("conversation_id", &Reference);
        let answer = form.nullable("message_id", &Reference).flatten();
        let conversation_id = form.complete(conversation)?;
        let (app, owner) = (self.app.clone(), self.user);
        let stopped = async move {
            conversations::repository::find(&app.db, owner, conversation_id)
                .await?
                .ok_or(Error::NotFound)?;
            let end = turn::stop(&app, owner, conversation_id, answer).await?;
            Ok(Reply::Stopped {
                conversation_id,
                stopped: end.is_some_and(|end| end.is_stopped()),
            })
        };
        let stopped = async move {
            match stopped.await {
                Ok(reply) => Ok(reply),
                Err(error) => Err(Refusal {
                    conversation_id: named,
                    ..refusal::of(error).await
                }),
            }
        };
        // As a task, so that a client that leaves right after has stopped it all the same.
        self.stops.push(self.app.tasks.spawn(stopped));
        Ok(())
    }

    fn find_room(&self) -> Result<(), Refusal> {
        if self.subscriptions.len() < SUBSCRIPTIONS {
            Ok(())
        } else {
            Err(Refusal::new(
                Code::TooManySubscriptions,
                format!(
                    "One socket can watch {SUBSCRIPTIONS} conversations. Unsubscribe from some."
                ),
            ))
        }
    }

    async fn open(&mut self, id: Uuid, last: Option<u64>) -> Result<(Subscription, bool), Error> {
        Subscription::open(self.app, self.user, id, last)
            .await?
            .ok_or(Error::NotFound)
    }

    async fn follow(&mut self, id: Uuid, subscription: Subscription, running: bool) {
        let (events, handle) = abortable(subscription.frames());
        self.subscriptions.insert(id, handle);
        let frame = reply::frame(&Reply::Subscribed {
            conversation_id: id,
            running,
        });
        self.pass_on(Telling::Follow(frame, Box::pin(events))).await;
    }

    /// Whether more commands may come before stopped answers are stored.
    pub fn may_go_on(&self) -> bool {
        self.stops.len() < STOPS
    }

    /// Waits for an answer that is being stopped; `None` if there is none.
    pub async fn stopped(&mut self) -> Option<Result<Reply, Refusal>> {
        let stopped = self.stops.next().await?;
        Some(stopped.unwrap_or_else(|_| Err(Refusal::new(Code::Failed, "Internal server error."))))
    }

    /// Tells what came of a command.
    pub async fn answer(&mut self, answer: Result<Reply, Refusal>) {
        match answer {
            Ok(reply) => self.tell(&reply).await,
            Err(refusal) => self.tell(&refusal).await,
        }
    }

    async fn tell(&mut self, body: &impl Serialize) {
        self.pass_on(Telling::Frame(reply::frame(body))).await;
    }

    async fn pass_on(&mut self, telling: Telling) {
        // The receiver is gone only when the socket is.
        let _ = self.tellings.send(telling).await;
    }
}

/// Why a command is not obeyed: as over HTTP, or for a reason that only sockets have.
enum No {
    Error(Error),
    Refusal(Refusal),
}

impl No {
    async fn into_refusal(self) -> Refusal {
        match self {
            Self::Error(error) => refusal::of(error).await,
            Self::Refusal(refusal) => refusal,
        }
    }
}

impl From<Error> for No {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

/// What a client sent, to tell it what an answer is about; not if it is too long for what it should be.
fn echo(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| text.len() <= 255)
        .map(str::to_owned)
}

/// The id of an event, as a number or as text: clients need not know that it is one.
struct EventId;

impl Rule for EventId {
    type Output = u64;

    fn check(&self, value: &Value) -> Result<u64, Vec<String>> {
        match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
        .ok_or_else(|| vec!["Not the id of an event.".to_owned()])
    }
}
