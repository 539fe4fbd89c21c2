//! Resolves paths to files.
//!
//! File A imports from file B where code of A names an item that B *defines*, in a `use` or in any other path.
//!
//! - Re-exports are followed to the definition, however many there are. A `mod.rs` that only re-exports its children
//!   is thus part of no circle: neither by the re-exports, which are not imports, nor by being named in a path.
//! - A `mod.rs` may define types for its children and re-export types of its children. It is in a circle with them only
//!   if its own code uses what it re-exports.
//! - Not imports: `mod x;`, importing a module (only what is taken from it counts), `pub(in …)`, links in documentation,
//!   and code that only tests compile.
//! - A glob import counts as one from the module's own file, and each name used as one from the file that defines it.
//! - Not seen: methods and fields, because finding their types takes a compiler. Files that share a type's `impl` are
//!   tied by the type's name only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::modules::{Module, Read, parse};

/// For each pair of files, the names that the first takes from the second.
pub(crate) type Imports = BTreeMap<(PathBuf, PathBuf), BTreeSet<String>>;

/// The imports between the files of a crate.
pub(crate) fn imports(root: &Path, read: Read<'_>) -> Imports {
    let modules = parse(root, read);
    let resolver = Resolver(&modules);
    let mut imports = Imports::new();
    for (index, module) in modules.iter().enumerate() {
        let used = module.imports.iter().filter(|import| !import.is_reexport);
        let used = used.map(|import| (&import.path, import.name.is_none()));
        for (path, is_glob) in used.chain(module.paths.iter().map(|path| (path, false))) {
            for found in resolver.find(index, path, &mut Pending::new()) {
                let (target, name) = match found {
                    Found::Item(target, depth) => (target, path[depth].as_str()),
                    Found::Module(target) if is_glob => (target, "*"),
                    Found::Module(_) => continue,
                };
                let file = &modules[target].file;
                if *file != module.file {
                    let pair = (module.file.clone(), file.clone());
                    imports.entry(pair).or_default().insert(name.to_owned());
                }
            }
        }
    }
    imports
}

/// What a path leads to.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Module(usize),
    /// An item, by the module that defines it and its place in the path: what follows is the item's own.
    Item(usize, usize),
}

/// Names whose imports are being followed, because re-exports and globs may refer to each other.
type Pending = BTreeSet<(usize, String)>;

struct Resolver<'a>(&'a [Module]);

impl Resolver<'_> {
    /// What a path in a module leads to: more than one where a name is an item and a module. Nothing if that is in
    /// another crate.
    fn find(&self, from: usize, path: &[String], pending: &mut Pending) -> Vec<Found> {
        let Some(first) = path.first() else { return Vec::new() };
        let mut found = match first.as_str() {
            "crate" => vec![Found::Module(0)],
            "self" => vec![Found::Module(from)],
            "super" => vec![Found::Module(self.0[from].parent)],
            name => self.lookup(from, name, 0, pending),
        };
        for (depth, name) in path.iter().enumerate().skip(1) {
            // With more to come it is the module, if the name is that of an item as well.
            if found.iter().any(|found| matches!(found, Found::Module(_))) {
                found.retain(|found| matches!(found, Found::Module(_)));
            }
            found = found
                .into_iter()
                .flat_map(|found| match found {
                    Found::Item(..) => vec![found],
                    Found::Module(module) if name == "super" => {
                        vec![Found::Module(self.0[module].parent)]
                    }
                    Found::Module(module) => self.lookup(module, name, depth, pending),
                })
                .collect();
        }
        found
    }

    /// What a name in a module leads to: a definition, an import, or an import by a glob.
    fn lookup(&self, from: usize, name: &str, depth: usize, pending: &mut Pending) -> Vec<Found> {
        let module = &self.0[from];
        let mut found = Vec::new();
        found.extend(module.children.get(name).map(|&child| Found::Module(child)));
        found.extend(module.items.contains(name).then_some(Found::Item(from, depth)));
        let key = (from, name.to_owned());
        if !pending.insert(key.clone()) {
            return found;
        }
        for import in module.imports.iter().filter(|import| import.name.as_deref() == Some(name)) {
            found.extend(self.find(from, &import.path, pending).into_iter().map(at(depth)));
        }
        if found.is_empty() {
            for glob in module.imports.iter().filter(|import| import.name.is_none()) {
                for target in self.find(from, &glob.path, pending) {
                    if let Found::Module(target) = target {
                        found.extend(self.lookup(target, name, depth, pending));
                    }
                }
            }
        }
        pending.remove(&key);
        found
    }
}

/// Converts what an import has found: the item's place is that in the path that was looked up.
fn at(depth: usize) -> impl Fn(Found) -> Found {
    move |found| match found {
        Found::Item(module, _) => Found::Item(module, depth),
        found @ Found::Module(_) => found,
    }
}
