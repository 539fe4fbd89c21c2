//! Calls that are made at a second node.

use std::iter::repeat_n;

use grid::{Call, CallError, ErrorCode, Hedge, Idempotent, RemoteError, RetryBudget, Sent};
use tokio::time::{Instant, sleep, timeout};

use crate::{ENCODED, Key, Nodes, Step, attempts, endless, ms, nodes};

/// After 30 ms, without a bound.
fn hedge() -> Hedge {
    Hedge::after(ms(30)).budget(endless())
}

impl Nodes {
    /// A call of the first node, hedged by the second.
    fn hedged(&self) -> Call<u64, RemoteError, Idempotent> {
        self.store(0).get(Key(7)).hedge(&hedge(), &self.connection(1))
    }

    /// How many calls have arrived at both nodes since this was asked last.
    fn take_counts(&self) -> [usize; 2] {
        [0, 1].map(|node| self.script(node).take_count())
    }
}

#[tokio::test(start_paused = true)]
async fn a_fast_answer_needs_no_second_call() {
    let nodes = nodes(2).await;
    nodes.script(0).set([Step::Sleep(29)]);
    assert_eq!(nodes.hedged().await, Ok(7));
    assert_eq!(nodes.take_counts(), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_second_node_wins_and_the_first_is_cancelled() {
    let nodes = nodes(2).await;
    nodes.script(0).set([Step::Sleep(5000)]);
    nodes.script(1).set([Step::Sleep(10)]);
    let began = Instant::now();
    assert_eq!(nodes.hedged().await, Ok(7));
    assert!((40..=42).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(nodes.take_counts(), [1, 1]);
    assert_eq!(ENCODED.get(), 1);
    assert_eq!(nodes.take_attempts(), 2, "interceptors see both");
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_node_wins_and_the_second_is_cancelled() {
    let nodes = nodes(2).await;
    nodes.script(0).set([Step::Sleep(50)]);
    nodes.script(1).set([Step::Sleep(5000)]);
    let began = Instant::now();
    let call = tokio::spawn(nodes.hedged());
    sleep(ms(45)).await;
    assert_eq!(nodes.script(1).running(), 1);
    assert_eq!(call.await.unwrap(), Ok(7));
    assert_eq!(began.elapsed().as_millis(), 50);
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_moves_the_call_to_the_second_node_at_once() {
    let nodes = nodes(2).await;
    for step in [Step::Overloaded(Some(ms(500))), Step::Refuse(ErrorCode::ShuttingDown)] {
        nodes.script(0).set([step]);
        let began = Instant::now();
        assert_eq!(nodes.hedged().await, Ok(7));
        assert!(began.elapsed() < ms(2), "{:?}", began.elapsed());
        assert_eq!(nodes.take_counts(), [1, 1]);
    }
    nodes.script(0).set([Step::Cut]);
    assert_eq!(nodes.hedged().wait_connected().await, Ok(7), "the link is lost");
    assert_eq!(nodes.take_counts(), [1, 1]);
    nodes.network.detach(&nodes.names[0]);
    nodes.nodes[0].shutdown(ms(1)).await;
    assert_eq!(nodes.hedged().await, Ok(7), "the first node is down");
    assert_eq!(nodes.take_counts(), [0, 1]);
}

/// One of the nodes does not know the method, or does not permit the call: the other one decides.
#[tokio::test(start_paused = true)]
async fn a_refusal_decides_nothing() {
    let nodes = nodes(2).await;
    for code in [ErrorCode::UnknownHandler, ErrorCode::NotPermitted, ErrorCode::BadRequest] {
        nodes.script(0).set([Step::Sleep(100)]);
        nodes.script(1).set([Step::Refuse(code)]);
        assert_eq!(nodes.hedged().await, Ok(7), "{code:?}");
        assert_eq!(nodes.take_counts(), [1, 1]);
        nodes.script(0).set([Step::Refuse(code)]);
        assert_eq!(nodes.hedged().await, Ok(7), "{code:?} of the first node");
        assert_eq!(nodes.take_counts(), [1, 1]);
    }
}

/// The second call is not made, because this node has begun to shut down. The first one may run until its end.
#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_be_made_decides_nothing() {
    let nodes = nodes(2).await;
    nodes.script(0).set([Step::Sleep(100)]);
    let call = tokio::spawn(nodes.hedged());
    sleep(ms(10)).await;
    let (answer, ()) = tokio::join!(call, nodes.caller.shutdown(ms(1000)));
    assert_eq!(answer.unwrap(), Ok(7));
    assert_eq!(nodes.take_counts(), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_handler_is_an_answer() {
    let nodes = nodes(2).await;
    nodes.script(0).set([Step::Fail]);
    assert!(matches!(nodes.hedged().await, Err(CallError::Handler(_))));
    assert_eq!(nodes.take_counts(), [1, 0]);
    nodes.script(0).set([Step::Sleep(5000)]);
    nodes.script(1).set([Step::Fail]);
    assert!(matches!(nodes.hedged().await, Err(CallError::Handler(_))), "of the second node");
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn when_one_fails_the_other_is_awaited() {
    let nodes = nodes(2).await;
    nodes.script(0).set([Step::Sleep(100)]);
    nodes.script(1).set([Step::Overloaded(None)]);
    let began = Instant::now();
    assert_eq!(nodes.hedged().await, Ok(7));
    assert_eq!(began.elapsed().as_millis(), 100);
}

#[tokio::test(start_paused = true)]
async fn when_both_fail_the_error_says_what_may_have_run() {
    let nodes = nodes(2).await;
    nodes.script(0).set([Step::Overloaded(None)]);
    nodes.script(1).set([Step::Refuse(ErrorCode::ShuttingDown)]);
    let error = nodes.hedged().await.unwrap_err();
    assert_eq!(error.to_string(), "refused (Store/get at http://node1:1)", "the later one");
    assert!(error.is_retryable());

    // It may have run at the first node, and is not sent to the second, which is down.
    nodes.network.detach(&nodes.names[1]);
    nodes.nodes[1].shutdown(ms(1)).await;
    nodes.script(0).set([Step::Cut]);
    let error = nodes.hedged().await.unwrap_err();
    assert!(
        matches!(&error, CallError::Disconnected { peer, sent: Sent::Maybe, .. } if **peer == *"http://node0:1"),
        "{error:?}"
    );
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_hedge_takes_a_permit() {
    let nodes = nodes(2).await;
    let hedge = Hedge::after(ms(10)).budget(RetryBudget::new().share(0.0).per_second(2.0));
    let call = || nodes.store(0).get(Key(7)).hedge(&hedge.clone(), &nodes.connection(1));
    nodes.script(0).set(repeat_n(Step::Sleep(20), 5));
    for _ in 0..5 {
        assert_eq!(call().await, Ok(7));
    }
    assert_eq!(nodes.take_counts(), [5, 2], "late answers");
    nodes.script(0).set([Step::Overloaded(None)]);
    call().await.unwrap_err();
    assert_eq!(nodes.take_counts(), [1, 0], "failures");
}

#[tokio::test(start_paused = true)]
async fn both_calls_have_the_deadline_of_the_call() {
    let nodes = nodes(2).await;
    for node in 0..2 {
        nodes.script(node).set([Step::Sleep(5000)]);
    }
    let began = Instant::now();
    let error = nodes.hedged().timeout(ms(100)).await.unwrap_err();
    assert_eq!(began.elapsed().as_millis(), 100);
    assert!(matches!(error, CallError::DeadlineExceeded { after, .. } if after == ms(100)));
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_repeats_both_calls() {
    let nodes = nodes(2).await;
    for node in 0..2 {
        nodes.script(node).set(repeat_n(Step::Overloaded(None), 2));
    }
    assert_eq!(nodes.hedged().retry(&attempts(3)).await, Ok(7));
    assert_eq!(nodes.take_counts(), [3, 2]);
    for node in 0..2 {
        nodes.script(node).set([Step::Sleep(5000), Step::Sleep(5000)]);
    }
    let retry = attempts(3).attempt_timeout(ms(100)).backoff(ms(1), ms(1));
    assert_eq!(nodes.hedged().retry(&retry).await, Ok(7));
    assert_eq!(nodes.take_counts(), [3, 2]);
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn dropping_the_call_cancels_both() {
    let nodes = nodes(2).await;
    for node in 0..2 {
        nodes.script(node).set([Step::Sleep(5000)]);
    }
    let mut call = nodes.hedged();
    timeout(ms(100), &mut call).await.unwrap_err();
    assert_eq!([0, 1].map(|node| nodes.script(node).running()), [1, 1]);
    drop(call);
    nodes.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_decoded_names_its_node() {
    let nodes = nodes(2).await;
    nodes.script(0).set([Step::Sleep(5000)]);
    nodes.script(1).set([Step::Garbage]);
    let error = nodes.hedged().await.unwrap_err().to_string();
    assert!(error.starts_with("cannot decode the answer") && error.contains("node1"), "{error}");
}
