//! Meggy: a multi-user AI chat backend in one binary.
//!
//! Accounts, agents, conversations and messages over a JSON API; answers come from an OpenAI-compatible server or
//! from Ollama; everything is kept in SQLite or Postgres. The binary is a thin shell around this library, so that
//! the tests run the very server that users run.

pub mod admin;
pub mod agents;
pub mod app;
pub mod archive;
pub mod auth;
pub mod chat;
pub mod cli;
pub mod clock;
pub mod config;
pub mod conversations;
pub mod db;
pub mod error;
pub mod health;
pub mod http;
pub mod live;
pub mod llm;
pub mod media;
pub mod messages;
pub mod models;
pub mod search;
pub mod server;
pub mod shares;
pub mod socket;
pub mod tasks;
pub mod telemetry;
pub mod users;
pub mod workers;
