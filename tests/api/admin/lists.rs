//! What all lists do: narrow, search, sort, page both ways, act on many rows.

use meggy::db::Executor;
use uuid::Uuid;

use crate::support::app::PASSWORD;
use crate::support::browser::{Browser, Rights};
use crate::support::{Answer, TestApp, on_each_database};

on_each_database!(
    users_are_found_and_narrowed,
    users_are_sorted_and_paged_both_ways_without_gaps,
    many_users_are_closed_and_opened_as_far_as_one_may,
    faulty_parameters_are_told,
    lists_need_staff,
    a_list_says_how_it_is_sorted,
);

/// The e-mail addresses, titles or names in the rows of a list, in order.
pub fn firsts(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text);
    let rows = page.text.split("<th scope=\"row\">").skip(1);
    let first = |row: &str| {
        let (_, row) = row.split_once('>').unwrap();
        let text = row.split('<').next().unwrap();
        text.replace("&#38;", "&")
            .replace("&#39;", "'")
            .replace("&#34;", "\"")
    };
    rows.map(first).collect()
}

/// Where a link of this kind leads, such as `next`.
pub fn link(page: &Answer, rel: &str) -> Option<String> {
    let (_, after) = page.text.split_once(&format!("rel=\"{rel}\" href=\""))?;
    Some(after.split('"').next().unwrap().replace("&#38;", "&"))
}

/// The values by which the rows of a list are chosen.
pub fn choices(page: &Answer) -> Vec<String> {
    let fields = page.text.split("name=\"chosen\" value=\"").skip(1);
    fields
        .map(|field| field.split('"').next().unwrap().to_owned())
        .collect()
}

/// Every list in the order of its pages: forwards, and backwards from the last page.
pub async fn walk(browser: &Browser, start: &str) -> (Vec<String>, Vec<String>) {
    let mut page = browser.get(start).await;
    let mut forwards = choices(&page);
    while let Some(next) = link(&page, "next") {
        page = browser.get(&next).await;
        assert_eq!(page.status, 200, "{}", page.text);
        forwards.extend(choices(&page));
    }
    let mut backwards: Vec<String> = choices(&page);
    while let Some(previous) = link(&page, "prev") {
        page = browser.get(&previous).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let before = choices(&page);
        backwards.splice(0..0, before);
    }
    (forwards, backwards)
}

async fn users_are_found_and_narrowed(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    for name in ["ann", "bob", "Cleo"] {
        app.register(name).await;
    }
    let bob = app.register_with("bert", Rights::STAFF).await;
    app.close(&bob).await;
    for (query, found) in [
        ("q=ANN", vec!["ann@example.com"]),
        ("q=cle", vec!["Cleo@example.com"]),
        ("q=nobody", vec![]),
        ("q=%25", vec![]),
        ("is_active=no", vec!["bert@example.com"]),
        (
            "is_staff=yes&sort=email",
            vec!["bert@example.com", "root@example.com"],
        ),
        ("is_superuser=yes", vec!["root@example.com"]),
        ("is_staff=yes&is_active=yes", vec!["root@example.com"]),
        (
            "q=b&sort=-email&created_at=today",
            vec!["bob@example.com", "bert@example.com"],
        ),
        ("created_at_to=2020-01-01", vec![]),
        ("created_at_from=2020-01-01&q=ann", vec!["ann@example.com"]),
        (
            "created_at_from=2020-01-01&sort=email&q=bob",
            vec!["bob@example.com"],
        ),
    ] {
        let page = browser.get(&format!("/admin/users/?{query}")).await;
        assert_eq!(firsts(&page), found, "{query}");
    }
    let page = browser.get("/admin/users/?q=b").await;
    assert!(page.text.contains("<caption>2 users"), "{}", page.text);
}

async fn users_are_sorted_and_paged_both_ways_without_gaps(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    for number in 0..45 {
        app.register(&format!("user{number}")).await;
    }
    // Many at the same time, and with the same name.
    for statement in [
        "UPDATE users SET name = 'Ann' WHERE email LIKE 'user1%'",
        "UPDATE users SET created_at = (SELECT MIN(created_at) FROM users) WHERE email LIKE 'user2%' OR email LIKE 'user3%'",
        "UPDATE users SET is_active = FALSE WHERE email LIKE 'user4%'",
    ] {
        app.db.query(statement).execute().await.unwrap();
    }
    for sort in ["email", "name", "is_active", "is_staff", "created_at"] {
        let mut ways = Vec::new();
        for minus in ["", "-"] {
            let start = format!("/admin/users/?size=20&sort={minus}{sort}");
            let (forwards, backwards) = walk(&browser, &start).await;
            let mut each = forwards.clone();
            each.sort();
            each.dedup();
            assert_eq!((forwards.len(), each.len()), (46, 46), "{start}");
            assert_eq!(forwards, backwards, "{start}");
            ways.push(forwards);
        }
        ways[1].reverse();
        assert_eq!(ways[0], ways[1], "{sort}");
    }
    let page = browser.get("/admin/users/?size=20&sort=email&q=user").await;
    assert_eq!(
        firsts(&page)[..3],
        [
            "user0@example.com",
            "user10@example.com",
            "user11@example.com"
        ]
    );
    let next = browser.get(&link(&page, "next").unwrap()).await;
    assert_eq!(firsts(&next).len(), 20);
    assert!(next.text.contains("value=\"user\""), "the search is kept");
}

async fn many_users_are_closed_and_opened_as_far_as_one_may(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let root = app.staff("root", Rights::SUPERUSER).await;
    let ann = app.register("ann").await;
    app.register("bob").await;
    let page = staff.get("/admin/users/?sort=email").await;
    let everybody = choices(&page);
    assert_eq!(everybody.len(), 4);
    let mut fields: Vec<(&str, &str)> = everybody.iter().map(|id| ("chosen", &**id)).collect();
    fields.extend([("action", "deactivate"), ("back", "sort=email")]);

    let answer = staff.submit("/admin/users/", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.header("location"), Some("/admin/users/?sort=email"));
    let page = staff.get("/admin/users/?is_active=no&sort=email").await;
    assert_eq!(firsts(&page), ["ann@example.com", "bob@example.com"]);
    assert!(
        page.text.contains("Deactivated 2 users. 2 refused:"),
        "{}",
        page.text
    );
    ann.get("/api/users/me/").await.expect(401);

    // Again nothing has to be done.
    let fields = [("chosen", ann.id()), ("action", "deactivate")];
    staff.submit("/admin/users/", &fields).await;
    let page = staff.get("/admin/users/").await;
    assert!(
        page.text
            .contains("Deactivated 0 users. Nothing had to be done about 1.")
    );

    // A superuser closes staff, but never themself.
    let mut fields: Vec<(&str, &str)> = everybody.iter().map(|id| ("chosen", &**id)).collect();
    fields.push(("action", "deactivate"));
    root.submit("/admin/users/", &fields).await;
    let page = root.get("/admin/users/?is_active=yes").await;
    assert_eq!(firsts(&page), ["root@example.com"]);
    assert_eq!(staff.get("/admin/users/").await.status, 303);
    fields.pop();
    fields.push(("action", "activate"));
    root.submit("/admin/users/", &fields).await;
    let login = app.stranger().login("bob@example.com", PASSWORD).await;
    login.expect(200);

    let log = root.get("/admin/audit/?action=user.deactivate").await;
    for name in ["ann", "bob", "helper"] {
        assert!(
            log.text.contains(&format!("{name}@example.com</a>")),
            "{name}"
        );
    }
    let unknown = Uuid::now_v7().to_string();
    let fields = [("chosen", &*unknown), ("action", "activate")];
    assert_eq!(root.submit("/admin/users/", &fields).await.status, 303);
    for fields in [
        vec![("action", "activate")],
        vec![("chosen", "x"), ("action", "activate")],
        vec![("chosen", &*unknown), ("action", "fly")],
        vec![("chosen", &*unknown)],
    ] {
        let answer = root.submit("/admin/users/", &fields).await;
        assert_eq!(answer.status, 400, "{fields:?} {}", answer.text);
    }
}

async fn faulty_parameters_are_told(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    for list in ["users", "agents", "conversations", "messages"] {
        for query in [
            "sort=password",
            "size=7",
            "size=x",
            "after=x",
            "before=x",
            "after=WyJhIiwiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwIl0",
            "q=%00",
            "created_at=tomorrow",
            "created_at_from=2025-13-01",
            "created_at_to=yesterday",
            "created_at_to=9999-12-31",
            "contents=perhaps",
        ] {
            let page = browser.get(&format!("/admin/{list}/?{query}")).await;
            assert_eq!(page.status, 400, "{list} {query} {}", page.text);
            assert!(
                page.header("content-type")
                    .unwrap()
                    .starts_with("text/html")
            );
            let name = query.split('=').next().unwrap();
            assert!(
                page.text.contains(&format!("{name}:")),
                "{query} {}",
                page.text
            );
        }
        let long = "x".repeat(255);
        let page = browser.get(&format!("/admin/{list}/?q={long}")).await;
        assert_eq!(page.status, 400);
        // Empty ones are what a form sends of what is left alone.
        let page = browser
            .get(&format!(
                "/admin/{list}/?q=&created_at=&created_at_from=&sort=&other=1"
            ))
            .await;
        assert_eq!(page.status, 200, "{}", page.text);
    }
    for path in [
        "/admin/users/?is_active=perhaps",
        "/admin/agents/?user=x",
        "/admin/agents/?llm_provider=abacus",
        "/admin/messages/?role=boss",
        "/admin/messages/?status=fine",
        "/admin/users/?contents=yes",
        "/admin/users/delete/?chosen=x",
        "/admin/users/delete/",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 400, "{path} {}", page.text);
    }
    let nobody = Uuid::now_v7();
    for path in [
        format!("/admin/agents/{nobody}/"),
        format!("/admin/agents/{nobody}/{nobody}/"),
        format!("/admin/conversations/{nobody}/"),
        format!("/admin/conversations/{nobody}/{nobody}/"),
        format!("/admin/messages/{nobody}/"),
        format!("/admin/messages/{nobody}/{nobody}/"),
        format!("/admin/users/delete/?chosen={nobody}"),
        "/admin/messages/x/".to_owned(),
    ] {
        let page = browser.get(&path).await;
        assert_eq!(page.status, 404, "{path} {}", page.text);
    }
}

async fn lists_need_staff(app: TestApp) {
    let browser = app.browser();
    for list in ["users", "agents", "conversations", "messages"] {
        for end in ["", "csv/", "delete/"] {
            let path = format!("/admin/{list}/{end}");
            assert_eq!(browser.get(&path).await.status, 303, "{path}");
        }
        let path = format!("/admin/{list}/");
        assert_ne!(
            browser.post(&path, &[("action", "delete")]).await.status,
            200
        );
    }
}

async fn a_list_says_how_it_is_sorted(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    for (query, order) in [
        ("", "descending"),
        ("?sort=email", "ascending"),
        ("?sort=-email", "descending"),
    ] {
        let page = browser.get(&format!("/admin/users/{query}")).await;
        assert_eq!(page.text.matches("aria-sort=").count(), 1);
        assert!(
            page.text.contains(&format!("aria-sort=\"{order}\"")),
            "{query}"
        );
    }
}
