//! The files of the page, as a part of the program.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! file {
    ($path:literal, $type:expr, $name:literal) => {
        ($path, $type, include_str!(concat!("../../console/", $name)))
    };
}

/// Path, type and content.
const FILES: [(&str, &str, &str); 16] = [
    file!("/", HTML, "index.html"),
    file!("/style.css", CSS, "style.css"),
    file!("/icon.svg", SVG, "icon.svg"),
    file!("/main.js", SCRIPT, "main.js"),
    file!("/tabs.js", SCRIPT, "tabs.js"),
    file!("/net.js", SCRIPT, "net.js"),
    file!("/dom.js", SCRIPT, "dom.js"),
    file!("/format.js", SCRIPT, "format.js"),
    file!("/mesh.js", SCRIPT, "mesh.js"),
    file!("/node.js", SCRIPT, "node.js"),
    file!("/methods.js", SCRIPT, "methods.js"),
    file!("/links.js", SCRIPT, "links.js"),
    file!("/events.js", SCRIPT, "events.js"),
    file!("/checks.js", SCRIPT, "checks.js"),
    file!("/tap.js", SCRIPT, "tap.js"),
    file!("/call.js", SCRIPT, "call.js"),
];

/// Adds the routes of the files.
pub(super) fn with_files<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    FILES.into_iter().fold(router, |router, (path, kind, content)| {
        router.route(path, get(move || async move { ([(CONTENT_TYPE, kind)], content) }))
    })
}
