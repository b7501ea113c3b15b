//! Which turn a page's request is about: one to begin, or one that it has asked for before.

use std::sync::Arc;

use axum::http::StatusCode;
use uuid::Uuid;

use super::name::{ChatName, MessageName};
use super::repository;
use super::request::{Request, Wish};
use crate::agents;
use crate::app::App;
use crate::conversations::AgentId;
use crate::conversations::turn::idempotency::Key;
use crate::conversations::turn::{self, Opening, Place, Said};
use crate::error::{Error, Result};
use crate::live::Turn;
use crate::llm::Role;
use crate::messages::{self, Message};

const NO_SUCH_MESSAGE: Error = Error::Refused(
    StatusCode::NOT_FOUND,
    "There is no such message in this chat.",
);
const NOTHING_ASKED: Error = Error::Refused(
    StatusCode::BAD_REQUEST,
    "There is nothing in this chat that could be answered.",
);
const SAID_OTHERWISE: Error = Error::Refused(
    StatusCode::CONFLICT,
    "A message with this id was sent before and says something else. To change it, name it in messageId.",
);

/// The turn that a page asks for.
///
/// # Errors
/// What the page named does not exist or does not fit; else see [`turn::begin`].
pub async fn find_or_begin(app: &App, owner: Uuid, request: Request) -> Result<Arc<Turn>> {
    let Request { chat, agent, wish } = request;
    match wish {
        Wish::New { name, text } => {
            let place = find_or_make_place(app, owner, &chat, agent).await?;
            say(app, owner, place, name, text).await
        }
        Wish::Edit { name, text } => {
            let place = find_place(app, owner, &chat)
                .await?
                .ok_or(NO_SUCH_MESSAGE)?;
            let question = find_named(app, owner, &place, &name)
                .await?
                .filter(|message| message.role == Role::User)
                .ok_or(NO_SUCH_MESSAGE)?;
            let question = Message {
                content: text,
                ..question
            };
            begin(app, owner, place, again(question)).await
        }
        Wish::Again { name } => {
            let place = find_place(app, owner, &chat).await?;
            let missing = || match &name {
                Some(_) => NO_SUCH_MESSAGE,
                None => NOTHING_ASKED,
            };
            let place = place.ok_or_else(missing)?;
            let question = question_again(app, owner, &place, name.as_ref()).await?;
            begin(app, owner, place, again(question)).await
        }
    }
}

/// Says something new. A message that is there already was sent twice, because the page did not learn that it arrived:
/// the turn is the one that it began.
async fn say(
    app: &App,
    owner: Uuid,
    place: Place,
    name: Option<MessageName>,
    text: String,
) -> Result<Arc<Turn>> {
    let Some(name) = name else {
        let said = Said::New {
            content: text,
            client_id: None,
            key: None,
        };
        return begin(app, owner, place, said).await;
    };
    if let Some(known) = find_named(app, owner, &place, &name).await? {
        if known.role != Role::User || known.content != text {
            return Err(SAID_OTHERWISE);
        }
        return match turn_of(app, owner, &known).await? {
            Some(turn) => Ok(turn),
            None => begin(app, owner, place, again(known)).await,
        };
    }
    let said = Said::New {
        // If the same message comes again before this one is stored, the database tells that by the key.
        key: Some(Key::of_message(&name.text, place.conversation, &text)),
        client_id: Some(name.text),
        content: text,
    };
    begin(app, owner, place, said)
        .await
        .map_err(|error| match error {
            Error::KeyReused => SAID_OTHERWISE,
            error => error,
        })
}

/// The question that is to be answered again: the named one, that of the named answer, or the last.
async fn question_again(
    app: &App,
    owner: Uuid,
    place: &Place,
    name: Option<&MessageName>,
) -> Result<Message> {
    let db = &app.db;
    let question = match name {
        None => messages::repository::find_last_question(db, owner, place.conversation).await?,
        Some(name) => {
            let named = find_named(app, owner, place, name)
                .await?
                .ok_or(NO_SUCH_MESSAGE)?;
            match named.role {
                Role::User => Some(named),
                _ => messages::repository::find_question_of(db, owner, &named).await?,
            }
        }
    };
    question.ok_or(NOTHING_ASKED)
}

/// The turn of a question that is stored, running or over.
async fn turn_of(app: &App, owner: Uuid, question: &Message) -> Result<Option<Arc<Turn>>> {
    let answer = messages::repository::find_answer_to(&app.db, owner, question).await?;
    let Some(answer) = answer else {
        return Ok(None);
    };
    // Deleted meanwhile, if it is not there.
    let turn = turn::find(app, owner, answer.id).await?;
    turn.ok_or(Error::NotFound).map(Some)
}

fn again(question: Message) -> Said {
    Said::Again {
        question: Box::new(question),
        key: None,
    }
}

async fn begin(app: &App, owner: Uuid, place: Place, said: Said) -> Result<Arc<Turn>> {
    let opening = Opening { owner, place, said };
    turn::begin(app, opening).await
}

async fn find_place(app: &App, owner: Uuid, chat: &ChatName) -> Result<Option<Place>> {
    Ok(repository::find_place(&app.db, owner, chat).await?)
}

/// The conversation of a chat, made if this is the first that is heard of it.
async fn find_or_make_place(
    app: &App,
    owner: Uuid,
    chat: &ChatName,
    agent: Option<AgentId>,
) -> Result<Place> {
    if let Some(place) = find_place(app, owner, chat).await? {
        return Ok(place);
    }
    let agent = match agent {
        Some(named) => agents::repository::find(&app.db, owner, named.id)
            .await?
            .ok_or_else(|| Error::field("agent", named.does_not_exist()))?,
        None => {
            let defaults = &app.config.agents;
            agents::repository::find_or_make_default(&app.db, owner, defaults).await?
        }
    };
    // Before the conversation is made, which would else be left behind empty.
    turn::check_active(&agent)?;
    repository::create(&app.db, owner, chat, agent.id).await?;
    // Deleted again already, if it is not there.
    find_place(app, owner, chat).await?.ok_or(Error::NotFound)
}

async fn find_named(
    app: &App,
    owner: Uuid,
    place: &Place,
    name: &MessageName,
) -> Result<Option<Message>> {
    let conversation = place.conversation;
    Ok(messages::repository::find_named(&app.db, owner, conversation, &name.text, name.id).await?)
}
