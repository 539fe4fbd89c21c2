//! Sends a value through every place of a signature, in both layouts.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use grid::__private::{
    self as private, Infallible, Method, MethodInfo, ServerStreamMethod, codec, compact, whole,
};
use grid::{CallError, Mock, Payload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What the tests send.
pub(crate) trait Value:
    Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static
{
}

impl<T: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static> Value for T {}

/// What became of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// It arrived as it was sent.
    Same,
    /// The encoder refused it, before it was sent.
    Refused(String),
    /// An error arrived as its text, without the value.
    Text,
    /// It arrived as another value: there must be no such row.
    Changed(String),
    /// It was sent, and could not be decoded: there must be no such row either.
    Lost(String),
}

pub(crate) const PLACES: [&str; 6] =
    ["only argument", "one of several", "answer", "item", "error", "inside another"];

/// A value inside another, at three places.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Holder<T> {
    before: u8,
    value: T,
    list: Vec<T>,
    both: (String, T),
}

/// An error with the value in its body.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Wrong<T> {
    value: T,
}

impl<T> fmt::Display for Wrong<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrong")
    }
}

/// The methods that carry a `T`.
struct Methods<T>(PhantomData<T>);

const fn info(name: &'static str, id: u32) -> MethodInfo {
    MethodInfo::__new("Shape", name, id)
}

macro_rules! methods {
    ($codec:ident, $only:ident, $several:ident, $answer:ident, $items:ident) => {
        const $only: &'static Method<(T,), (), Infallible> = &private::single(
            info("only", 1),
            (whole("value", $codec::<T>()),),
            $codec::<()>(),
            private::infallible(),
        );
        const $several: &'static Method<(u8, T, String), (), Infallible> = &private::single(
            info("several", 2),
            (
                private::arg("first", $codec::<u8>()),
                private::arg("value", $codec::<T>()),
                private::arg("last", $codec::<String>()),
            ),
            $codec::<()>(),
            private::infallible(),
        );
        const $answer: &'static Method<(), T, Infallible> =
            &private::single(info("answer", 3), (), $codec::<T>(), private::infallible());
        const $items: &'static ServerStreamMethod<(), T, Infallible> =
            &private::server_stream(info("items", 4), (), $codec::<T>(), private::infallible());
    };
}

impl<T: Value + Payload> Methods<T> {
    methods!(codec, ONLY, SEVERAL, ANSWER, ITEMS);
    methods!(compact, ONLY_COMPACT, SEVERAL_COMPACT, ANSWER_COMPACT, ITEMS_COMPACT);

    /// Error bodies have the named layout only.
    const FAILS: &'static Method<(), (), Wrong<T>> =
        &private::single(info("fails", 5), (), codec::<()>(), private::error::<Wrong<T>>());
}

/// The outcomes in the order of [`PLACES`], in the named and in the compact layout.
pub(crate) async fn everywhere<T: Value>(value: &T) -> [[Outcome; 6]; 2] {
    type M<T> = Methods<T>;
    let holder = Holder {
        before: 1,
        value: value.clone(),
        list: vec![value.clone(); 2],
        both: ("text".to_owned(), value.clone()),
    };
    let error = fails(value).await;
    [
        [
            only(M::<T>::ONLY, value).await,
            several(M::<T>::SEVERAL, value).await,
            answer(M::<T>::ANSWER, value).await,
            items(M::<T>::ITEMS, value).await,
            error.clone(),
            only(M::<Holder<T>>::ONLY, &holder).await,
        ],
        [
            only(M::<T>::ONLY_COMPACT, value).await,
            several(M::<T>::SEVERAL_COMPACT, value).await,
            answer(M::<T>::ANSWER_COMPACT, value).await,
            items(M::<T>::ITEMS_COMPACT, value).await,
            error,
            only(M::<Holder<T>>::ONLY_COMPACT, &holder).await,
        ],
    ]
}

/// Compares what was sent with what arrived. By `Debug`, in which a NaN equals itself.
fn compare<T: Debug, E: Debug + fmt::Display>(
    sent: &T,
    arrived: Result<T, CallError<E>>,
) -> Outcome {
    match arrived {
        Ok(arrived) if format!("{arrived:?}") == format!("{sent:?}") => Outcome::Same,
        Ok(arrived) => Outcome::Changed(format!("{sent:?} arrived as {arrived:?}")),
        Err(CallError::Encode(error)) => Outcome::Refused(error.to_string()),
        Err(error) => match refused_answer(&error.to_string()) {
            Some(refused) => Outcome::Refused(refused.to_owned()),
            None => Outcome::Lost(format!("{error:?}")),
        },
    }
}

/// The reason why a handler's answer was refused.
fn refused_answer(error: &str) -> Option<&str> {
    let (_, at_method) = error.split_once("cannot encode the answer of ")?;
    at_method.split_once(": ").map(|(_, reason)| reason)
}

/// Where a handler leaves what it received.
type Slot<T> = Arc<Mutex<Option<T>>>;

fn received<T, E>(result: Result<(), CallError<E>>, slot: &Slot<T>) -> Result<T, CallError<E>> {
    result.map(|()| slot.lock().unwrap().take().expect("the handler has run"))
}

async fn only<T: Value>(method: &'static Method<(T,), (), Infallible>, value: &T) -> Outcome {
    let slot = Slot::default();
    let kept = Arc::clone(&slot);
    let mock = Mock::new().on(method, move |(value,)| {
        *kept.lock().unwrap() = Some(value);
        Ok(())
    });
    let result = method.call(&mock.connection(), (value.clone(),)).await;
    compare(value, received(result, &slot))
}

async fn several<T: Value>(
    method: &'static Method<(u8, T, String), (), Infallible>,
    value: &T,
) -> Outcome {
    let slot = Slot::default();
    let kept = Arc::clone(&slot);
    let mock = Mock::new().on(method, move |(first, value, last)| {
        assert_eq!((first, &*last), (7, "last"));
        *kept.lock().unwrap() = Some(value);
        Ok(())
    });
    let result = method.call(&mock.connection(), (7, value.clone(), "last".to_owned())).await;
    compare(value, received(result, &slot))
}

async fn answer<T: Value>(method: &'static Method<(), T, Infallible>, value: &T) -> Outcome {
    let given = value.clone();
    let mock = Mock::new().on(method, move |()| Ok(given.clone()));
    compare(value, method.call(&mock.connection(), ()).await)
}

async fn items<T: Value>(
    method: &'static ServerStreamMethod<(), T, Infallible>,
    value: &T,
) -> Outcome {
    let given = value.clone();
    let mock = Mock::new().on_server_stream(method, move |(), mut out| {
        let item = given.clone();
        async move {
            let _ = out.send(item).await;
            Ok(())
        }
    });
    let mut items = method.open(&mock.connection(), ()).await.expect("it opens");
    compare(value, items.next().await.expect("an item or an error"))
}

async fn fails<T: Value>(value: &T) -> Outcome {
    let method = Methods::<T>::FAILS;
    let error = Wrong { value: value.clone() };
    let mock = Mock::new().on(method, move |()| Err(error.clone()));
    match method.call(&mock.connection(), ()).await {
        Err(CallError::Handler(Wrong { value: arrived })) => {
            compare::<T, Infallible>(value, Ok(arrived))
        }
        Err(CallError::Remote(error)) if error.message.starts_with("wrong") => Outcome::Text,
        other => Outcome::Lost(format!("{other:?}")),
    }
}
