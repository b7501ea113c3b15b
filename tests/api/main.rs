//! Tests of the whole program from outside, as one binary. Those of a room stand in a module of its name; most run on
//! SQLite and again on Postgres.

mod admin;
mod agents;
mod archive;
mod auth;
mod chat;
mod concurrency;
mod config;
mod conversations;
mod cors;
mod hosts_and_https;
mod isolation;
mod live;
mod messages;
mod models;
mod organise;
mod pagination;
mod passwords;
mod profile;
mod program;
mod protocol;
mod providers;
mod schema;
mod search;
mod send_message;
mod socket;
mod support;
mod tokens;
mod users;
mod versions;
