//! The administration.

mod audit;
mod dashboard;
mod doors;
mod passwords;
mod rights;
mod sessions;
mod sign_in;
mod users;
