//! What is repeated, and what is not.

use std::sync::Arc;

use grid::{CallError, ErrorCode, GroupCall, RemoteError, Sent};
use tokio::time::{Instant, sleep};

use crate::{ENCODED, Key, Step, StoreClient, attempts, ms, nodes};

#[tokio::test(start_paused = true)]
async fn what_cannot_have_run_is_repeated_for_every_method() {
    let nodes = nodes(1).await;
    let (store, script, retry) = (nodes.store(0), nodes.script(0), attempts(5));
    let steps = [
        Step::Overloaded(None),
        Step::Refuse(ErrorCode::Overloaded),
        Step::Refuse(ErrorCode::ShuttingDown),
        Step::Busy(ms(1)),
    ];
    script.set(steps.clone());
    assert_eq!(store.add(Key(7)).retry(&retry).await, Ok(7));
    assert_eq!(script.take_count(), 5);
    assert_eq!(nodes.take_attempts(), 5, "each attempt passes the interceptors");
    assert_eq!(ENCODED.get(), 1, "the arguments are encoded once");
    script.set(steps);
    assert_eq!(store.get(Key(8)).retry(&retry).await, Ok(8));
    assert_eq!(script.take_count(), 5);
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_has_run_or_would_fail_again_is_not_repeated() {
    let nodes = nodes(1).await;
    let (store, script, retry) = (nodes.store(0), nodes.script(0), attempts(5));
    let codes = (0..12).map(ErrorCode::from);
    let codes =
        codes.filter(|code| !matches!(code, ErrorCode::Overloaded | ErrorCode::ShuttingDown));
    let steps: Vec<_> = codes.map(Step::Refuse).chain([Step::Fail, Step::Panic]).collect();
    for step in steps {
        for is_get in [true, false] {
            script.set([step.clone()]);
            let outcome = match is_get {
                true => store.get(Key(7)).retry(&retry).await,
                false => store.add(Key(7)).retry(&retry).await,
            };
            assert!(!outcome.unwrap_err().is_retryable());
            assert_eq!(script.take_count(), 1, "{step:?}, get: {is_get}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_nothing_is_repeated() {
    let nodes = nodes(1).await;
    nodes.script(0).set([Step::Overloaded(Some(ms(7)))]);
    let Err(CallError::Remote(error)) = nodes.store(0).get(Key(7)).await else {
        panic!("refused");
    };
    assert_eq!((error.code, error.retry_after), (ErrorCode::Overloaded, Some(ms(7))));
    assert_eq!(nodes.script(0).take_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_down_is_called_again_until_it_is_up() {
    let nodes = nodes(1).await;
    nodes.network.detach(&nodes.names[0]);
    nodes.network.detach("http://caller:1");
    nodes.network.cut();
    sleep(ms(10)).await;
    let (store, retry) = (nodes.store(0), attempts(1000).backoff(ms(50), ms(200)));
    let error = store.add(Key(7)).retry(&attempts(3)).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { sent: Sent::No, .. }), "{error:?}");
    assert_eq!(nodes.take_attempts(), 3);
    let call = tokio::spawn(store.add(Key(7)).retry(&retry));
    sleep(ms(3000)).await;
    assert!(!call.is_finished());
    nodes.network.attach(&nodes.nodes[0]);
    nodes.network.attach(&nodes.caller);
    assert_eq!(call.await.unwrap(), Ok(7));
    assert!(nodes.take_attempts() > 10);
    assert_eq!(nodes.script(0).take_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_is_survived_by_what_may_run_twice() {
    let nodes = nodes(1).await;
    let (store, script, retry) = (nodes.store(0), nodes.script(0), attempts(3));
    script.set([Step::Cut]);
    assert_eq!(store.get(Key(7)).wait_connected().retry(&retry).await, Ok(7));
    assert_eq!(script.take_count(), 2);
    script.set([Step::Cut]);
    let error = store.add(Key(7)).wait_connected().retry(&retry).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { sent: Sent::Maybe, .. }), "{error:?}");
    assert_eq!(script.take_count(), 1);
    nodes.assert_idle().await;
}

/// The last failure alone would say that nothing has run.
#[tokio::test(start_paused = true)]
async fn an_error_does_not_hide_that_an_attempt_may_have_run() {
    let nodes = nodes(1).await;
    let (store, script) = (nodes.store(0), nodes.script(0));
    script.set([Step::Overloaded(None), Step::Cut, Step::Refuse(ErrorCode::BadRequest)]);
    let retry = attempts(9);
    let error = store.get(Key(7)).wait_connected().retry(&retry).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { sent: Sent::Maybe, .. }), "{error:?}");
    assert!(error.may_have_run() && !error.is_retryable());
    assert_eq!(script.take_count(), 3, "the last failure decides that there is no further attempt");
}

#[tokio::test(start_paused = true)]
async fn a_late_attempt_is_cancelled_and_repeated_if_it_may_run_twice() {
    let nodes = nodes(1).await;
    let (store, script) = (nodes.store(0), nodes.script(0));
    let retry = attempts(3).attempt_timeout(ms(100)).backoff(ms(1), ms(1));
    let began = Instant::now();
    script.set([Step::Sleep(5000), Step::Sleep(5000), Step::Sleep(50)]);
    assert_eq!(store.get(Key(7)).retry(&retry).await, Ok(7));
    assert!((250..=255).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!((script.take_count(), script.running()), (3, 0), "late handlers are dropped");
    script.set([Step::Sleep(5000)]);
    let error = store.add(Key(7)).retry(&retry).await.unwrap_err();
    assert!(
        matches!(error, CallError::DeadlineExceeded { after, sent: Sent::Maybe, .. } if after == ms(100)),
        "{error:?}"
    );
    assert_eq!(script.take_count(), 1);
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_refuses_its_call_and_says_when_to_come_again() {
    let nodes = nodes(1).await;
    let (store, script) = (nodes.store(0), nodes.script(0));
    script.set([Step::Busy(ms(300))]);
    let error = store.add(Key(7)).await.unwrap_err();
    assert!(error.is_retryable() && !error.may_have_run());
    let CallError::Remote(RemoteError { code, message, retry_after, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!((code, retry_after), (ErrorCode::Overloaded, Some(ms(300))));
    assert_eq!(message, "busy (Store/add at http://node0:1)");
}

#[tokio::test(start_paused = true)]
async fn a_client_repeats_all_of_its_requests() {
    let nodes = nodes(1).await;
    let script = nodes.script(0);
    let plain = nodes.store(0);
    let store = plain.with_retry(&attempts(3));
    script.set([Step::Overloaded(None)]);
    assert_eq!(store.add(Key(7)).await, Ok(7));
    script.set([Step::Overloaded(None)]);
    let with_more = store.with_metadata("who", "me").subroute("");
    assert_eq!(with_more.get(Key(7)).await, Ok(7), "other functions of the client keep it");
    assert_eq!(script.take_count(), 4);
    script.set([Step::Overloaded(None)]);
    store.add(Key(7)).retry(&attempts(1)).await.unwrap_err();
    script.set([Step::Overloaded(None)]);
    plain.add(Key(7)).await.unwrap_err();
    assert_eq!(script.take_count(), 2, "the policy of the call, and the other client's none");
}

#[tokio::test(start_paused = true)]
async fn streams_are_not_repeated_but_can_be_refused() {
    let nodes = nodes(1).await;
    let (store, script) = (nodes.store(0).with_retry(&attempts(5)), nodes.script(0));
    for (step, after) in [(Step::Busy(ms(7)), ms(7)), (Step::Overloaded(Some(ms(8))), ms(8))] {
        script.set([step]);
        let refused = store.list(Key(7)).await.unwrap().next().await;
        let Some(Err(CallError::Remote(error))) = refused else { panic!("{refused:?}") };
        assert_eq!((error.code, error.retry_after), (ErrorCode::Overloaded, Some(after)));
    }
    assert_eq!(script.take_count(), 2);
    let first = store.list(Key(7)).await.unwrap().next().await;
    assert!(matches!(first, Some(Ok(7))), "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn groups_and_bytes_are_repeated_as_well() {
    let nodes = nodes(2).await;
    nodes.script(0).set([Step::Overloaded(None), Step::Cut]);
    nodes.script(1).set([Step::Overloaded(None)]);
    let mut group = GroupCall::new();
    for node in 0..2 {
        let name: Arc<str> = nodes.names[node].as_str().into();
        group.add(name, nodes.store(node).get(Key(7)));
    }
    let retry = attempts(3);
    let answers = group.each(|call| call.wait_connected().retry(&retry)).all().await;
    assert!(answers.iter().all(|answer| answer.result == Ok(7)), "{answers:?}");
    assert!(nodes.script(0).take_count() >= 3);

    nodes.script(0).set([Step::Overloaded(None), Step::Overloaded(None)]);
    let id = StoreClient::ADD.info().id();
    let raw = nodes.connection(0).with_retry(&retry);
    assert_eq!(raw.request(id, Some("\x07".into())).await, Ok(Some("\x07".into())));
    nodes.script(0).set([Step::Cut]);
    let lost = raw.request(id, Some("\x07".into())).wait_connected().retry(&retry).await;
    assert!(matches!(lost, Err(CallError::Disconnected { sent: Sent::Maybe, .. })), "{lost:?}");
}
