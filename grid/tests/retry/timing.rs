//! Pauses, deadlines, budgets, and calls that are dropped.

use std::iter::repeat_n;

use grid::intercept::RateLimit;
use grid::{CallError, ErrorCode, Manager, Retry, RetryBudget};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{B, pair};
use crate::{Key, Script, Scripted, Step, StoreClient, StoreServer, attempts, endless, ms, nodes};

#[tokio::test(start_paused = true)]
async fn pauses_are_random_and_bounded() {
    let nodes = nodes(1).await;
    let (store, script) = (nodes.store(0), nodes.script(0));
    let retry = attempts(5).backoff(ms(10), ms(40));
    let (mut short, mut long) = (0, 0);
    for _ in 0..100 {
        script.set(repeat_n(Step::Overloaded(None), 5));
        store.add(Key(7)).retry(&retry).await.unwrap_err();
        let begun = script.take_begun();
        assert_eq!(begun.len(), 5);
        for (pair, max) in begun.windows(2).zip([10, 20, 40, 40]) {
            let pause = (pair[1] - pair[0]).as_millis();
            // Timers are late by up to a millisecond.
            assert!(pause <= max + 1, "{pause} of {max}");
            *(if pause * 2 < max { &mut short } else { &mut long }) += 1;
        }
    }
    assert!(short > 100 && long > 100, "{short} of 400 are short, {long} long");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_includes_attempts_and_pauses() {
    let nodes = nodes(1).await;
    let (store, script) = (nodes.store(0), nodes.script(0));
    let retry = attempts(1_000_000).backoff(ms(40), ms(40));
    for _ in 0..20 {
        script.set(repeat_n(Step::Overloaded(None), 1000));
        let began = Instant::now();
        let error = store.add(Key(7)).timeout(ms(200)).retry(&retry).await.unwrap_err();
        assert!(error.is_retryable(), "the reason, and not that time is up: {error}");
        // Timers are late by up to a millisecond.
        assert!(began.elapsed() <= ms(201), "{:?}", began.elapsed());
        let begun = script.take_begun();
        assert!(begun.len() > 3 && begun.iter().all(|at| *at < began + ms(200)), "{begun:?}");
    }
    script.set([Step::Overloaded(None), Step::Sleep(5000)]);
    let began = Instant::now();
    let error = store.get(Key(7)).timeout(ms(200)).retry(&retry).await.unwrap_err();
    assert_eq!(began.elapsed().as_millis(), 200);
    assert_eq!(error.to_string(), "no answer from Store/get at http://node0:1 within 200ms");
    assert_eq!(script.take_count(), 2);
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn the_time_that_a_peer_states_comes_before_the_pause() {
    let nodes = nodes(1).await;
    let (store, script, retry) = (nodes.store(0), nodes.script(0), attempts(3));
    for step in [Step::Overloaded(Some(ms(500))), Step::Busy(ms(500))] {
        let began = Instant::now();
        script.set([step]);
        assert_eq!(store.add(Key(7)).retry(&retry).await, Ok(7));
        assert!((500..=551).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    }
    script.take_begun();
    script.set([Step::Overloaded(Some(ms(500)))]);
    let began = Instant::now();
    let Err(CallError::Remote(error)) = store.add(Key(7)).timeout(ms(400)).retry(&retry).await
    else {
        panic!("refused");
    };
    assert_eq!((error.retry_after, began.elapsed().as_millis()), (Some(ms(500)), 0));
    script.set([Step::Overloaded(Some(std::time::Duration::MAX))]);
    store.add(Key(7)).retry(&retry).await.unwrap_err();
    assert_eq!(script.take_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_says_when_it_has_room() {
    let limited = |builder: grid::Builder| {
        let service = Scripted { script: <_>::default(), network: <_>::default() };
        builder.service(StoreServer::new(service)).intercept(RateLimit::per_peer(2.0, 1))
    };
    let nodes = pair(limited).await;
    let store = StoreClient::new(nodes.1.connection(B).unwrap());
    store.add(Key(7)).await.unwrap();
    sleep(ms(100)).await;
    let Err(CallError::Remote(error)) = store.add(Key(7)).await else { panic!("refused") };
    assert_eq!((error.code, error.retry_after), (ErrorCode::Overloaded, Some(ms(400))));
    let began = Instant::now();
    assert_eq!(store.add(Key(7)).retry(&attempts(2)).await, Ok(7));
    assert!((400..=451).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_the_base_protocol_has_text_only() {
    let limited = |builder: grid::Builder| {
        let service = Scripted { script: <_>::default(), network: <_>::default() };
        let builder =
            builder.service(StoreServer::new(service)).intercept(RateLimit::per_peer(2.0, 1));
        builder.extensions(["ids32"])
    };
    let nodes = pair(limited).await;
    let store = StoreClient::new(nodes.1.connection(B).unwrap());
    store.add(Key(7)).await.unwrap();
    let Err(CallError::Remote(error)) = store.add(Key(7)).retry(&attempts(3)).await else {
        panic!("refused");
    };
    assert_eq!((error.code, error.retry_after), (ErrorCode::Text, None));
    assert!(error.message.starts_with("more than 2 calls a second"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_shared_and_bounds_retries() {
    let nodes = nodes(1).await;
    let (store, script) = (nodes.store(0), nodes.script(0));
    let retry = Retry::new()
        .attempts(10)
        .backoff(ms(0), ms(0))
        .budget(RetryBudget::new().share(0.0).per_second(4.0));
    let clone = store.with_retry(&retry.clone());
    script.set(repeat_n(Step::Overloaded(None), 1000));
    for _ in 0..10 {
        store.add(Key(7)).retry(&retry).await.unwrap_err();
        clone.add(Key(7)).await.unwrap_err();
    }
    assert_eq!(script.take_count(), 20 + 4);
    sleep(ms(1000)).await;
    for _ in 0..10 {
        clone.add(Key(7)).await.unwrap_err();
    }
    assert_eq!(script.take_count(), 10 + 3, "what a second pays for, decayed");
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_dropped_leave_nothing() {
    let nodes = nodes(1).await;
    let (store, script) = (nodes.store(0), nodes.script(0));
    let retry = attempts(100).backoff(ms(400), ms(400));
    for _ in 0..20 {
        script.set(repeat_n(Step::Overloaded(None), 100).chain([Step::Sleep(5000)]));
        let mut call = store.get(Key(7)).retry(&retry);
        // While it pauses.
        timeout(ms(1000), &mut call).await.unwrap_err();
        drop(call);
        script.take_begun();
        sleep(ms(1000)).await;
        assert_eq!(script.take_count(), 0, "no attempt is made any more");
    }
    script.set([Step::Overloaded(None), Step::Sleep(5000)]);
    let mut call = store.get(Key(7)).retry(&retry);
    // While an attempt runs.
    timeout(ms(1000), &mut call).await.unwrap_err();
    assert_eq!(script.running(), 1);
    drop(call);
    nodes.assert_idle().await;
    // Never polled.
    drop(store.get(Key(7)).retry(&retry));
    assert_eq!(script.take_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_policy_is_like_any_other() {
    fn anywhere<T: Send + Sync + Unpin + 'static>(call: T) -> T {
        call
    }
    let nodes = nodes(2).await;
    let (store, retry) = (nodes.store(0), Retry::new().budget(endless()));
    nodes.script(0).set([Step::Overloaded(None), Step::Sleep(100)]);
    let mut call = anywhere(store.get(Key(7)).retry(&retry).timeout(ms(5000)));
    let answer = loop {
        tokio::select! {
            answer = &mut call => break answer,
            () = sleep(ms(1)) => {}
        }
    };
    assert_eq!(answer, Ok(7));
    assert!(futures_util::future::FusedFuture::is_terminated(&call));
    let again = std::panic::AssertUnwindSafe(call);
    assert!(futures_util::FutureExt::catch_unwind(again).await.is_err(), "polled after its result");
    // A policy that is set too late is ignored, like other options.
    nodes.script(0).set([Step::Sleep(100), Step::Overloaded(None)]);
    let mut call = store.get(Key(7));
    timeout(ms(10), &mut call).await.unwrap_err();
    assert_eq!(call.retry(&retry).await, Ok(7));
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_shuts_down_does_not_repeat_its_own_calls() {
    let nodes = nodes(1).await;
    let (store, caller): (_, &Manager) = (nodes.store(0), &nodes.caller);
    caller.shutdown(ms(10)).await;
    let began = Instant::now();
    let error = store.get(Key(7)).retry(&attempts(100)).await.unwrap_err();
    assert!(matches!(error, CallError::ShutDown), "{error:?}");
    assert_eq!(began.elapsed().as_millis(), 0);
    assert_eq!(Script::take_count(nodes.script(0)), 0);
}
