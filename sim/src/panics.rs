//! Panics: those that jobs ask for are not printed, and all others break a promise.

use std::cell::RefCell;
use std::panic::PanicHookInfo;

/// The text of a panic that a job asks for.
pub(crate) const ASKED: &str = "the job says so";

thread_local! {
    static UNEXPECTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes the panics of this process for the reports of runs. Those that jobs ask for are not printed. Call it once, before the
/// first run.
pub fn watch_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&ASKED) {
            UNEXPECTED.with_borrow_mut(|texts| texts.push(text_of(info)));
            print(info);
        }
    }));
}

fn text_of(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a text");
    match info.location() {
        Some(at) => format!("a panic at {at}: {text}"),
        None => format!("a panic: {text}"),
    }
}

/// The panics of this thread that no job has asked for, since the last call.
pub(crate) fn take_unexpected() -> Vec<String> {
    UNEXPECTED.take()
}
