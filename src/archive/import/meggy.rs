//! Files of our own format.

use std::fmt;
use std::fs::File;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_path_to_error::Track;

use super::intake::{Entry, Intake};
use super::object::{self, Object, reason};
use super::outline::{Part, PartReader, open, title};
use super::writing::{Refusal, Writing};
use crate::archive::model::{ConversationRecord, MessageRecord};
use crate::error::Result;

/// Longest agent, in bytes as the file has it.
const LONGEST_AGENT: u64 = 16 * 1024 * 1024;

/// Longest conversation, in bytes as the file has it. It is not held in memory, but stored in one transaction, for which
/// others wait on SQLite.
const LONGEST_CONVERSATION: u64 = 128 * 1024 * 1024;

/// Stores agents and conversations.
///
/// # Errors
/// See [`Intake::conversation`].
pub fn read(
    file: &File,
    agents: &[Part],
    conversations: &[Part],
    intake: &mut Intake,
) -> Result<()> {
    intake.report.format = "meggy";
    for part in agents {
        if part.end - part.start > LONGEST_AGENT {
            intake.report.note(format!(
                "The agent at byte {} was not taken: it is longer than {LONGEST_AGENT} bytes.",
                part.start
            ));
            continue;
        }
        match object::read(&mut open(file, part)?) {
            Ok(fields) => intake.agent(fields)?,
            Err(reason) => intake.report.note(format!(
                "The agent at byte {} was not taken: {reason}.",
                part.start
            )),
        }
    }
    for (index, part) in conversations.iter().enumerate() {
        let entry = Entry {
            index,
            byte: part.start,
        };
        if part.end - part.start > LONGEST_CONVERSATION {
            let too_long = format!("it is longer than {LONGEST_CONVERSATION} bytes");
            intake
                .report
                .skip(entry.skipped(title(file, part)?, too_long));
            continue;
        }
        // What is said of the conversation may stand behind its messages.
        match object::read::<ConversationRecord>(&mut open(file, part)?) {
            Ok(record) => intake.conversation(entry, record, |writing| {
                read_messages(&mut open(file, part).map_err(Refusal::Fail)?, writing)
            })?,
            Err(reason) => {
                let skipped = entry.skipped(title(file, part)?, reason);
                intake.report.skip(skipped);
            }
        }
    }
    Ok(())
}

/// Adds the messages one by one.
fn read_messages(json: &mut PartReader<'_>, writing: &mut Writing<'_>) -> Result<(), Refusal> {
    let (mut refusal, mut track) = (None, Track::new());
    let json = serde_path_to_error::Deserializer::new(json, &mut track);
    let read = json.deserialize_map(Conversation {
        writing,
        refusal: &mut refusal,
    });
    match (refusal, read) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) if error.is_io() => Err(std::io::Error::from(error).into()),
        (None, Err(error)) => Err(Refusal::Skip(reason(&track.path(), &error))),
        (None, Ok(())) => Ok(()),
    }
}

/// Looks at the messages of a conversation alone. Why one cannot be stored is put into `refusal`.
struct Conversation<'a, 'w> {
    writing: &'a mut Writing<'w>,
    refusal: &'a mut Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Messages,
    #[serde(other)]
    Other,
}

impl<'de> Visitor<'de> for Conversation<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a conversation")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key()? {
            match field {
                Field::Messages => map.next_value_seed(Messages {
                    writing: &mut *self.writing,
                    refusal: &mut *self.refusal,
                })?,
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct Messages<'a, 'w> {
    writing: &'a mut Writing<'w>,
    refusal: &'a mut Option<Refusal>,
}

impl<'de> DeserializeSeed<'de> for Messages<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Messages<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(message) = list.next_element_seed(PhantomData::<Object<MessageRecord>>)? {
            if let Err(refusal) = self.writing.add(message.0) {
                *self.refusal = Some(refusal);
                return Err(A::Error::custom("not stored"));
            }
        }
        Ok(())
    }
}
