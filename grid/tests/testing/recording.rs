//! Recorded calls, of a whole grid and of one method of a mock.

use std::time::Duration;

use grid::testing::{CallLog, Spy};
use grid::{Mock, RemoteError};

use crate::{ProbeClient, panic_of, probe, probes};

#[tokio::test(start_paused = true)]
async fn the_calls_of_all_nodes_are_recorded_at_both_ends() {
    let calls = CallLog::new();
    let grid = probes(3).record(&calls).start();
    grid.all_connected().await;
    probe(&grid, 0, 1).echo("x".into()).await.unwrap();
    probe(&grid, 2, 0).echo(String::new()).await.unwrap_err();
    let _ = tokio::time::timeout(Duration::from_secs(1), probe(&grid, 1, 1).sleep(60)).await;
    let running = tokio::spawn(probe(&grid, 1, 2).sleep(60));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let shown: Vec<_> = calls.all().iter().map(ToString::to_string).collect();
    let [one, two, three] = [grid.name(0), grid.name(1), grid.name(2)];
    let expected = [
        format!("Probe/echo {one} -> {two}, made: ok"),
        format!("Probe/echo {one} -> {two}, served: ok"),
        format!("Probe/echo {three} -> {one}, made: handler"),
        format!("Probe/echo {three} -> {one}, served: handler"),
        format!("Probe/sleep {two} -> {two}, made: cancelled"),
        format!("Probe/sleep {two} -> {two}, served: cancelled"),
        format!("Probe/sleep {two} -> {three}, made: running"),
        format!("Probe/sleep {two} -> {three}, served: running"),
    ];
    assert_eq!(shown, expected);
    assert_eq!((calls.made("Probe/sleep").len(), calls.served("Probe/sleep").len()), (2, 2));

    // What ends after `clear` changes nothing.
    calls.clear();
    grid.cut(1, 2);
    running.await.unwrap().unwrap_err();
    assert!(calls.all().is_empty());
    // A call that does not reach its node is not served.
    probe(&grid, 1, 2).number().await.unwrap_err();
    assert_eq!(calls.made("Probe/number")[0].outcome, Some("disconnected"));
    assert!(calls.served("Probe/number").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_spy_knows_the_calls_of_its_method() {
    let echoes = Spy::on(ProbeClient::ECHO);
    let mock = Mock::new().on(ProbeClient::ECHO, echoes.answering(|(text,)| Ok(text)));
    let probe = ProbeClient::new(mock.connection());
    echoes.assert_count(0);
    for text in ["a", "b"] {
        assert_eq!(probe.echo(text.into()).await.unwrap(), text);
    }
    echoes.wait_for(2).await;
    echoes.assert_count(2);
    echoes.assert_called_with(&("b".to_owned(),));
    assert_eq!(echoes.calls(), [("a".to_owned(),), ("b".to_owned(),)]);

    let text = panic_of(async { echoes.assert_count(1) }).await;
    assert_eq!(
        text,
        "Probe/echo was called 2 times, expected 1; its calls were\n  (\"a\",)\n  (\"b\",)"
    );
    let text = panic_of(async { echoes.assert_called_with(&("c".to_owned(),)) }).await;
    assert!(text.starts_with("Probe/echo was not called with (\"c\",); its calls were"), "{text}");
    let text = panic_of(echoes.wait_for(3)).await;
    let expected = "after 30s, Probe/echo was called 2 times, expected 3 or more; its calls were";
    assert!(text.contains("recording.rs:") && text.contains(expected), "{text}");

    let later = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        probe.echo("c".into()).await
    });
    echoes.wait_for(3).await;
    later.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_spy_checks_what_it_expects_when_it_is_dropped() {
    let mock = |spy: &Spy<(String,)>| {
        let failing = spy.answering(|_| Err(RemoteError::new("full")));
        ProbeClient::new(Mock::new().on(ProbeClient::ECHO, failing).connection())
    };
    let once = Spy::on(ProbeClient::ECHO).exactly(1);
    mock(&once).echo("x".into()).await.unwrap_err();
    once.verify();

    let twice = Spy::on(ProbeClient::ECHO).at_least(2);
    mock(&twice).echo("x".into()).await.unwrap_err();
    let text = panic_of(async { drop(twice) }).await;
    assert_eq!(
        text,
        "Probe/echo was called 1 time, expected 2 or more; its calls were\n  (\"x\",)"
    );

    let never = Spy::on(ProbeClient::ECHO).exactly(0);
    mock(&never).echo("x".into()).await.unwrap_err();
    assert!(panic_of(async { never.verify() }).await.contains("called 1 time, expected 0"));

    // The first panic is the one that is shown.
    let text = panic_of(async {
        let _never = Spy::on(ProbeClient::NUMBER).exactly(1);
        panic!("of the test");
    });
    assert_eq!(text.await, "of the test");
}

#[tokio::test]
async fn a_spy_notes_the_calls_of_streams() {
    let counts = Spy::on(ProbeClient::COUNT).exactly(1);
    let notes = counts.notes();
    let mock = Mock::new().on_server_stream(ProbeClient::COUNT, move |args: (u64,), mut out| {
        notes.note(args);
        async move {
            out.send(7).await?;
            Ok(())
        }
    });
    let mut items = ProbeClient::new(mock.connection()).count(3).await.unwrap();
    assert_eq!(items.next().await.unwrap().unwrap(), 7);
    assert_eq!(counts.calls(), [(3,)]);
}
