//! Live answers over a WebSocket.

pub mod client;
mod commands;
mod credentials;
mod endings;
mod frames;
mod readers;
mod turns;
