//! Host lists from DNS, against a name server in the test.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grid::{DnsMembers, Manager, MemberEvent, MemberEvents};
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;
use tokio::time::Instant;

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// What the server answers to questions of a type, with this TTL; `None`: that it has failed.
type Records = Option<(u32, Vec<(u16, Vec<u8>)>)>;

/// A name server on UDP.
struct Server {
    address: SocketAddr,
    records: Arc<Mutex<Records>>,
    questions: Arc<Mutex<Vec<(Instant, u16)>>>,
    task: AbortHandle,
}

impl Server {
    async fn start(records: Records) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (records, questions) = (Arc::new(Mutex::new(records)), Arc::<Mutex<Vec<_>>>::default());
        let (known, asked) = (Arc::clone(&records), Arc::clone(&questions));
        let task = tokio::spawn(async move {
            let mut query = [0; 1500];
            loop {
                let (len, from) = socket.recv_from(&mut query).await.unwrap();
                let (kind, answer) = answer(&query[..len], &known.lock().unwrap());
                asked.lock().unwrap().push((Instant::now(), kind));
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        Self { address, records, questions, task: task.abort_handle() }
    }

    fn set(&self, records: Records) {
        *self.records.lock().unwrap() = records;
    }

    /// When questions of this type have arrived.
    fn asked(&self, kind: u16) -> Vec<Instant> {
        let questions = self.questions.lock().unwrap();
        questions.iter().filter(|(_, of)| *of == kind).map(|(at, _)| *at).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns the type of the question, and the answer.
fn answer(query: &[u8], records: &Records) -> (u16, Vec<u8>) {
    let mut end = 12;
    while query[end] != 0 {
        end += 1 + usize::from(query[end]);
    }
    end += 5;
    let kind = u16::from_be_bytes([query[end - 4], query[end - 3]]);
    let found = records.iter().flat_map(|(ttl, all)| all.iter().map(move |record| (ttl, record)));
    let found: Vec<_> = found.filter(|(_, (of, _))| *of == kind).collect();
    let code = if records.is_some() { 0 } else { 2 };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, 0, found.len() as u8, 0, 0, 0, 0]);
    answer.extend(&query[12..end]);
    for (ttl, (of, data)) in found {
        answer.extend([0xc0, 12]);
        answer.extend(of.to_be_bytes());
        answer.extend([0, 1]);
        answer.extend(ttl.to_be_bytes());
        answer.extend((data.len() as u16).to_be_bytes());
        answer.extend(data);
    }
    (kind, answer)
}

fn address(last: u8) -> (u16, Vec<u8>) {
    (A, vec![192, 0, 2, last])
}

fn service(host: &str, port: u16) -> (u16, Vec<u8>) {
    let mut data = vec![0, 0, 0, 0];
    data.extend(port.to_be_bytes());
    for label in host.split('.') {
        data.push(label.len() as u8);
        data.extend(label.bytes());
    }
    data.push(0);
    (SRV, data)
}

/// Waits until this host is added or removed.
async fn changed(events: &mut MemberEvents, wanted: &str) {
    let change = async {
        while let Some(event) = events.next().await {
            if let MemberEvent::Added { host, .. } | MemberEvent::Removed { host, .. } = event
                && &*host == wanted
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), change).await.expect(wanted);
}

#[tokio::test]
async fn addresses_become_members_until_they_are_no_longer_in_the_answer() {
    let six = [&[0xfd][..], &[0; 14], &[1]].concat();
    let server = Server::start(Some((2, vec![address(1), address(2), (AAAA, six)]))).await;
    let own = "http://192.0.2.1:9000";
    let source = DnsMembers::addresses("grid.example.", "http://{}:9000").server(server.address);
    let manager = Manager::builder(own).token(grid::NoAuth).build().unwrap();
    let members = manager.members();
    let mut events = members.events();
    members.follow(source);
    changed(&mut events, "http://192.0.2.2:9000").await;
    let three = ["http://192.0.2.1:9000", "http://192.0.2.2:9000", "http://[fd00::1]:9000"];
    assert_eq!(members.list(), three);

    server.set(Some((1, vec![address(1), address(3)])));
    changed(&mut events, "http://192.0.2.3:9000").await;
    // Not before the records had expired.
    let asked = server.asked(A);
    assert!(asked[1] - asked[0] >= Duration::from_secs(2), "{asked:?}");
    changed(&mut events, "http://192.0.2.2:9000").await;

    // A failure, and an answer without records, keep the list.
    for bad in [None, Some((1, Vec::new()))] {
        let before = server.asked(A).len();
        server.set(bad);
        while server.asked(A).len() < before + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(members.list(), [own, "http://192.0.2.3:9000"]);
    }
    server.set(Some((1, vec![address(1), address(4)])));
    changed(&mut events, "http://192.0.2.4:9000").await;
}

#[tokio::test]
async fn services_become_members_with_their_ports() {
    let records = vec![service("n1.example", 9001), service("n2.example", 9002)];
    let server = Server::start(Some((60, records))).await;
    let source = DnsMembers::services("_grid._tcp.example.", "http").server(server.address);
    let manager = Manager::builder("http://n1.example:9001").token(grid::NoAuth).build().unwrap();
    let members = manager.members();
    let mut events = members.events();
    members.follow(source);
    changed(&mut events, "http://n2.example:9002").await;
    assert_eq!(members.list(), ["http://n1.example:9001", "http://n2.example:9002"]);
    assert_eq!(server.asked(SRV).len(), 1);
}
