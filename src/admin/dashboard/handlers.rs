//! The first page.

use askama::Template;
use axum::response::IntoResponse;

use crate::admin::page::{Frame, Page, Section};
use crate::admin::staff::Staff;

#[derive(Template)]
#[template(path = "dashboard/show.html")]
struct Dashboard {
    frame: Frame,
}

pub async fn show(staff: Staff) -> impl IntoResponse {
    Page(Dashboard {
        frame: staff.frame(Section::Dashboard),
    })
}
