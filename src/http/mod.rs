//! What all rooms share of HTTP: routes and their refusals, bodies, field rules, pages, and the layers around them.

pub mod accept;
pub mod connection;
pub mod cors;
pub mod cursor;
pub mod drain;
pub mod fields;
pub mod formats;
pub mod guard;
pub mod head;
pub mod openapi;
pub mod origin;
pub mod page;
pub mod path;
pub mod payload;
pub mod python;
pub mod route;
