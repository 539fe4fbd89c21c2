//! Tokens and payloads are in no log, at no level, of this library or of those that it uses.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "support/log.rs"]
mod lines;
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use grid::{
    Answer, Ask, Authenticate, Authenticating, Builder, Claim, Denied, Identity, LinkError,
    Manager, NoAuth, SharedSecret, State, StaticToken, TokenFuture,
};
use lines::Lines;
use support::{A, B, Network, pair, sides};
use tracing::Level;

const TOKEN: &str = "correct-horse-battery";
const PAYLOAD: &str = "attack at dawn";

/// What libraries log through the crate `log`.
struct Logger(Mutex<Vec<String>>);

static LOGGER: Logger = Logger(Mutex::new(Vec::new()));

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// Forms in which bytes are usually logged.
fn forms(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let join = |separator: &str, form: fn(&u8) -> String| {
        bytes.iter().map(form).collect::<Vec<_>>().join(separator)
    };
    let hex = |byte: &u8| format!("{byte:02x}");
    vec![text.to_owned(), join("", hex), join(" ", hex), join(", ", ToString::to_string)]
}

#[tokio::test(start_paused = true)]
async fn neither_tokens_nor_payloads_are_logged() {
    let (lines, _guard) = collect();
    let configure = |builder: Builder| {
        builder
            .token(StaticToken::new(TOKEN))
            .single_handler(7, None, |_cx, payload| async move { Ok(payload) })
    };
    let (_network, a, b) = pair(configure).await;
    for (from, to) in [(&a, &b), (&b, &a)] {
        let connection = from.connection(to.name()).unwrap();
        let answer = connection.request(7, Some(PAYLOAD.into())).await.unwrap();
        assert_eq!(answer, Some(PAYLOAD.into()));
    }
    let connection = a.connection(b.name()).unwrap().with_metadata("all", PAYLOAD);
    let call = connection.request(7, Some(PAYLOAD.into())).metadata("key", PAYLOAD);
    let unread = connection.request(8, Some(PAYLOAD.into()));
    let unread = tokio::spawn(unread);
    tokio::task::yield_now().await;
    let shown = format!("{a:?} {b:?} {connection:?} {call:?} {unread:?}");
    unread.abort();
    a.shutdown(Duration::from_secs(1)).await;
    assert!(!lines.with(Level::INFO, "link is up").is_empty(), "logs are collected");
    assert_hidden(&lines, shown, &[TOKEN.to_owned(), PAYLOAD.to_owned()]);
}

/// Collects what is logged through `log`, and what this thread logs through `tracing`.
fn collect() -> (Lines, tracing::subscriber::DefaultGuard) {
    // The tests share it.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(log::LevelFilter::Trace);
    Lines::collect()
}

/// Fails if one of the secrets is in a log or in what was shown, in any form.
#[track_caller]
fn assert_hidden(lines: &Lines, shown: String, secrets: &[String]) {
    let mut all = LOGGER.0.lock().unwrap().clone();
    all.extend(lines.with(Level::TRACE, ""));
    all.push(shown);
    for form in secrets.iter().flat_map(|secret| forms(secret)) {
        let found = all.iter().find(|line| line.to_lowercase().contains(&form));
        assert!(found.is_none(), "{found:?}");
    }
}

/// A shared secret whose tokens and proofs are noted.
#[derive(Clone)]
struct Noted {
    secret: SharedSecret,
    notes: Arc<Mutex<Vec<String>>>,
    shown: Arc<Mutex<String>>,
}

impl Noted {
    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }

    fn show(&self, value: &dyn std::fmt::Debug) {
        self.shown.lock().unwrap().push_str(&format!("{value:?} {value:#?}"));
    }
}

impl Authenticate for Noted {
    fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async move {
            let token = self.secret.token(ask).await?;
            let text = token.as_str();
            self.note(text);
            // Its MACs, and its nonce.
            text.split('.').skip(4).for_each(|part| self.note(part));
            self.show(&(ask, &token));
            Ok(token)
        })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        self.show(&claim);
        self.secret.check(claim)
    }

    fn prove<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Option<Vec<u8>>> {
        self.secret.prove(claim)
    }

    fn verify<'a>(&'a self, answer: Answer<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        if let Some(proof) = answer.proof {
            self.note(&proof.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            let bytes: Vec<_> = proof.iter().map(ToString::to_string).collect();
            self.note(&bytes.join(", "));
        }
        self.show(&answer);
        self.secret.verify(answer)
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_proves_a_secret_is_logged_or_shown() {
    let (lines, _guard) = collect();
    let (old, new, wrong) = ("old-horse-battery", "new-horse-battery", "wrong-horse-battery");
    let (notes, shown) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<String>>::default());
    let noted = |secret| Noted { secret, notes: Arc::clone(&notes), shown: Arc::clone(&shown) };
    let show = |value: &dyn std::fmt::Debug| noted(SharedSecret::new("x")).show(value);
    let node = |network: &Network, name: &str, secret: SharedSecret| -> Manager {
        show(&secret);
        let builder = network.node(name, &[A, B]).token(noted(secret));
        let builder = builder.single_handler(7, None, |cx, _| async move {
            tracing::info!(identity = ?cx.identity(), context = ?cx, "called");
            Ok(None)
        });
        show(&builder);
        builder.build().unwrap()
    };
    let (dialer, listener) = sides();
    let rotated = || SharedSecret::new(new).also_accept(old);
    let one = SharedSecret::new;
    let mut failures = Vec::new();
    for (of_dialer, of_listener, fits) in [
        (one(old), one(old), true),
        (one(old), rotated(), true),
        (rotated(), one(old), true),
        (rotated(), one(new), true),
        (one(wrong), one(new), false),
        (one(new), one(wrong), false),
    ] {
        let network = Network::default();
        let listening = node(&network, listener, of_listener);
        network.attach(&listening);
        let dialing = node(&network, dialer, of_dialer);
        let connection = dialing.connection(listener).unwrap();
        let connected = connection.wait_connected(Duration::from_secs(5)).await;
        assert_eq!(connected.is_ok(), fits, "{connected:?}");
        let called = connection.request(7, None).await;
        show(&(&listening, &dialing, &connection, connection.state(), connected, called));
        if let State::Error(reason) = connection.state() {
            failures.push(reason.full_text().to_string());
        }
        dialing.shutdown(Duration::from_secs(1)).await;
    }
    // A stranger that accepts everything, and one that uses a token again.
    let network = Network::default();
    let stranger = network.node(listener, &[A, B]).token(NoAuth).build().unwrap();
    network.attach(&stranger);
    let dialing = node(&network, dialer, one(new));
    let error = dialing.connection(listener).unwrap().wait_connected(Duration::from_secs(5)).await;
    let State::Error(reason) = error.unwrap_err().state else { panic!("an error") };
    assert!(matches!(&*reason, LinkError::Unproven { .. }), "{reason}");
    show(&reason);
    let used = notes.lock().unwrap()[0].clone();
    let network = Network::default();
    let listening = node(&network, listener, one(old));
    network.attach(&listening);
    let thief = || {
        let token = StaticToken::new(&used);
        network.node(dialer, &[A, B]).token(token).build().unwrap()
    };
    // This listener has not seen it yet.
    let first = thief();
    first.connection(listener).unwrap().wait_connected(Duration::from_secs(5)).await.unwrap();
    let again = thief();
    again.connection(listener).unwrap().wait_connected(Duration::from_secs(5)).await.unwrap_err();
    show(&(again.connection(listener).unwrap().state(), StaticToken::new(old)));

    failures.push(shown.lock().unwrap().clone());
    let mut secrets = notes.lock().unwrap().clone();
    assert!(secrets.len() > 20, "tokens, MACs and proofs");
    secrets.extend([old, new, wrong].map(str::to_owned));
    assert_hidden(&lines, failures.join(" "), &secrets);
}
