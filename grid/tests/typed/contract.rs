//! Parts of a service: constants, mocks, subroutes, and nodes of different versions.

use std::sync::Arc;
use std::time::Duration;

use grid::{CallError, Capacities, ErrorCode, MethodKind, Mock};

use crate::place::{Place, everywhere};
use crate::service::*;

everywhere!(the_same_service_under_several_subroutes, different_versions,);

#[tokio::test(start_paused = true)]
async fn mocks_return_the_configured_answers() {
    let connection = Mock::new()
        .on(DiskClient::STAT, |(name,)| Ok(Volume { name, size: 5 }))
        .on_server_stream(DiskClient::WALK, |(names,), mut out| async move {
            for name in names {
                out.send(Volume { name, size: 6 }).await?;
            }
            Ok(())
        })
        .on_client_stream(DiskClient::UPLOAD, |(_head,), mut input| async move {
            Ok(input.next().await.map_or(0, |part| part.map_or(0, |part| part.len() as u64)))
        })
        .on_two_way(DiskClient::SYNC, |(add,), mut input, mut out| async move {
            while let Some(number) = input.next().await {
                out.send(number? * add).await?;
            }
            Ok(())
        })
        .connection();
    let disk = DiskClient::new(connection);
    assert_eq!(disk.stat("v".into()).await.unwrap().size, 5);
    assert_eq!(disk.walk(vec!["a".into()]).await.unwrap().next().await.unwrap().unwrap().size, 6);
    let (mut parts, size) = disk.upload(volume("v")).await.unwrap();
    parts.send("abc".into()).await.unwrap();
    assert_eq!(size.await.unwrap(), 3);
    let (mut ops, mut acks) = disk.sync(3).await.unwrap();
    ops.send(5).await.unwrap();
    assert_eq!(acks.next().await.unwrap().unwrap(), 15);

    let error = disk.uptime().await.unwrap_err();
    assert!(
        matches!(&error, CallError::Remote(error) if error.code == ErrorCode::UnknownHandler),
        "{error:?}"
    );
}

#[test]
fn constants_describe_the_contract() {
    let stat = DiskClient::STAT.info();
    assert_eq!((stat.service(), stat.name(), stat.id().get()), ("Disk", "stat", 0x9a95_2873));
    assert_eq!(stat.id(), grid::HandlerId::derive("Disk/stat"));
    assert_eq!(stat.docs(), "Single request.");
    assert_eq!(stat.arguments(), [("volume", "String")]);
    assert_eq!(stat.returns(), "Result<Volume, DiskError>");
    assert_eq!(stat.kind(), MethodKind::Single);

    let rename = DiskClient::RENAME.info();
    assert_eq!((rename.id().get(), rename.timeout()), (9, Some(Duration::from_secs(5))));
    assert!(DiskClient::PACKED.info().is_inline());

    let walk = DiskClient::WALK.info();
    assert_eq!((walk.capacities().incoming, walk.capacities().outgoing), (0, 4));
    let upload = DiskClient::UPLOAD.info();
    assert_eq!((upload.capacities().incoming, upload.capacities().outgoing), (16, 1));
    let map = DiskClient::MAP.info().capacities();
    assert_eq!((map.incoming, map.outgoing), (Capacities::BYTES_ONLY, Capacities::BYTES_ONLY));
    assert_eq!(DiskClient::SYNC.info().kind(), MethodKind::TwoWay);

    let descriptor = DiskClient::DESCRIPTOR;
    assert_eq!((descriptor.name(), descriptor.docs()), ("Disk", "One node's disks."));
    assert_eq!(descriptor.methods().len(), 27 + usize::from(cfg!(feature = "json")));
}

async fn the_same_service_under_several_subroutes(place: Place) {
    struct Both;
    impl grid::Service for Both {
        fn register(self, to: &mut grid::Registrar<'_>) -> Result<(), grid::RegisterError> {
            let fake = Arc::new(Fake { names: vec!["x".into()], ..Fake::default() });
            DiskServer::from_arc(fake.clone()).register(to)?;
            DiskServer::from_arc(fake.clone()).subroute("a").subroute("b").register(to)?;
            let error = DiskServer::from_arc(fake).register(to).unwrap_err().to_string();
            assert!(error.contains("Disk/"), "{error}");
            Ok(())
        }
    }
    let disk = place.serve(Both, DiskClient::new).await;
    assert_eq!(disk.names().await.unwrap().next().await.unwrap().unwrap(), "x");
    let below = disk.subroute("a").subroute("b");
    assert_eq!(below.names().await.unwrap().next().await.unwrap().unwrap(), "a/bx");
    assert!(matches!(disk.subroute("c").uptime().await, Err(CallError::Remote(_))));
}

#[tokio::test(start_paused = true)]
async fn a_node_lists_its_services() {
    #[grid::service]
    trait Other {
        async fn nothing(&self);
    }
    struct Nothing;
    impl Other for Nothing {
        async fn nothing(&self) {}
    }
    let node = grid::Manager::builder("http://a:1")
        .service(DiskServer::new(Fake::default()).subroute("disk0"))
        .single_handler(77, None, |_, payload| async { Ok(payload) })
        .service(OtherServer::new(Nothing))
        .service(DiskServer::new(Fake::default()).subroute("a").subroute("b"))
        .build()
        .unwrap();
    let services: Vec<_> = node.services().iter().collect();
    let listed = |index: usize| {
        let service: &grid::Registered = services[index];
        (service.descriptor.name(), service.subroute.as_deref())
    };
    assert_eq!(services.len(), 3, "{services:?}");
    assert_eq!(listed(0), ("Disk", Some("disk0")));
    assert_eq!(listed(1), ("Other", None));
    assert_eq!(listed(2), ("Disk", Some("a/b")));
    assert_eq!(services[0].descriptor.methods().len(), DiskClient::DESCRIPTOR.methods().len());
    assert_eq!(services[1].descriptor.methods()[0].id(), OtherClient::NOTHING.info().id());
}

/// The same method with other types, as in another version of the service.
mod other_version {
    use super::*;

    #[grid::service(name = "Disk")]
    pub(crate) trait Newer {
        async fn stat(&self, volume: u32) -> Result<Volume, DiskError>;
        async fn uptime(&self) -> String;
        #[handler(id = 9)]
        async fn rename(&self, to: String, from: String, why: String) -> Result<String, DiskError>;
    }
}

async fn different_versions(place: Place) {
    use other_version::NewerClient;

    let newer = place.serve(DiskServer::new(Fake::default()), NewerClient::new).await;
    let error = newer.stat(5).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Remote(error) if error.code == ErrorCode::BadRequest),
        "{error:?}"
    );
    assert!(matches!(newer.uptime().await, Err(CallError::Decode(_))));
    // Names count, not the order. New arguments are skipped, missing ones have their default.
    assert_eq!(newer.rename("b".into(), "a".into(), "why".into()).await.unwrap(), "a b None 0");
    // If the error type differs, code and text still arrive.
    let error = newer.rename("a".into(), "a".into(), "why".into()).await.unwrap_err();
    let CallError::Remote(error) = error else { panic!("{error:?}") };
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::Handler, "the same name"));
}
