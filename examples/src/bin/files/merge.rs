//! Merges the streams of several nodes, each in the order of paths, into one.

use futures_util::{
    StreamExt,
    stream::{self, BoxStream, Stream},
};

use crate::entry::HasPath;

/// Merges streams that are ordered by path. Of equal paths, all items of an earlier stream come before those of a later
/// one.
///
/// The merged stream waits until each stream has yielded an item or ended, because the slowest one may yield the item
/// that comes first. It holds one item of each stream, so backpressure reaches every node.
pub(crate) fn merge<T: HasPath + Send + 'static>(
    streams: Vec<BoxStream<'static, T>>,
) -> impl Stream<Item = T> + Send {
    let heads = streams.into_iter().map(|stream| Box::pin(stream.peekable())).collect::<Vec<_>>();
    stream::unfold(heads, |mut heads| async move {
        let mut first: Option<(usize, crate::path::RelPath)> = None;
        for (i, stream) in heads.iter_mut().enumerate() {
            if let Some(item) = stream.as_mut().peek().await
                && first.as_ref().is_none_or(|(_, path)| item.path() < path)
            {
                first = Some((i, item.path().clone()));
            }
        }
        let item = heads[first?.0].next().await?;
        Some((item, heads))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::path::RelPath;

    #[derive(Debug, PartialEq)]
    struct At(RelPath, usize);

    impl HasPath for At {
        fn path(&self) -> &RelPath {
            &self.0
        }
    }

    fn merged(streams: &[&[&str]]) -> Vec<(String, usize)> {
        let at = |(i, paths): (usize, &&[&str])| {
            let items: Vec<_> = paths.iter().map(|path| At(Path::new(path).into(), i)).collect();
            stream::iter(items).boxed()
        };
        let streams = streams.iter().enumerate().map(at).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(merge(streams).map(|At(path, i)| (path.to_string(), i)).collect())
    }

    #[test]
    fn the_order_of_paths_is_kept() {
        let got = merged(&[&["a", "a/b", "c"], &[], &["a-b", "d"], &["b"]]);
        let paths: Vec<_> = got.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["a", "a/b", "a-b", "b", "c", "d"]);
    }

    #[test]
    fn equal_paths_stay_together() {
        let got = merged(&[&["a", "x", "x"], &["x", "x"]]);
        assert_eq!(got.iter().map(|(_, i)| *i).collect::<Vec<_>>(), [0, 0, 0, 1, 1]);
        assert!(merged(&[]).is_empty());
    }
}
