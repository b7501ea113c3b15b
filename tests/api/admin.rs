//! The administration.

mod agents;
mod audit;
mod conversations;
mod csv;
mod dashboard;
mod deletion;
mod doors;
mod lists;
mod messages;
mod passwords;
mod rights;
mod sessions;
mod sign_in;
mod users;
