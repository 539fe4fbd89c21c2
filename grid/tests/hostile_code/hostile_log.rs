//! A subscriber of the log that is hostile.

use std::fmt;
use std::sync::LazyLock;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Event, Metadata, Subscriber};

use crate::hostile::Hostile;

/// Which methods of the subscriber are hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogPlace {
    /// For each line.
    Lines,
    /// For each span, when it begins, is cloned or ends, and when its task is polled.
    Spans,
    /// For each span, when it ends.
    SpanEnds,
    /// None of them: spans are enabled, and others run the code.
    None,
}

struct Log(Hostile, LogPlace);

/// A subscriber of all levels.
pub(crate) fn hostile_log(hostile: &Hostile, place: LogPlace) -> Dispatch {
    // With a single subscriber, `tracing` decides for the whole process by that of the thread that comes to a line first.
    static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
    LazyLock::force(&SECOND);
    Dispatch::new(Log(hostile.clone(), place))
}

impl Log {
    fn run(&self, place: LogPlace) {
        if self.1 == place {
            self.0.run();
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Formats(None));
        self.run(LogPlace::Spans);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Formats(None));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Formats(Some(&self.0)));
        self.run(LogPlace::Lines);
    }

    fn enter(&self, _: &Id) {
        self.run(LogPlace::Spans);
    }

    fn exit(&self, _: &Id) {
        self.run(LogPlace::Spans);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.run(LogPlace::Spans);
        id.clone()
    }

    fn try_close(&self, _: Id) -> bool {
        self.run(LogPlace::Spans);
        self.run(LogPlace::SpanEnds);
        true
    }
}

/// Formats all values, which can be the user's, as any subscriber does. Those of lines are kept.
struct Formats<'a>(Option<&'a Hostile>);

impl Visit for Formats<'_> {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        if let Some(hostile) = self.0 {
            hostile.note_logged(value);
        }
    }
}
