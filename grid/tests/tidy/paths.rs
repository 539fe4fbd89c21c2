//! Collects the paths that the code of a module names: in `use` items, signatures, bodies, and tokens of macros.

use syn::buffer::{Cursor, TokenBuffer};
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Ident, ImplItem, Item, ItemExternCrate, ItemUse, Macro, Meta, UseTree, Visibility,
};

use super::modules::{Module, attributes, attributes_in_impl, is_test};

/// Macros whose tokens are code for other crates.
const QUOTING: &[&str] = &["quote", "quote_spanned", "parse_quote"];

/// One name from a `use` item.
pub(crate) struct Import {
    /// The name in this module, or `None` of a glob.
    pub(crate) name: Option<String>,
    pub(crate) path: Vec<String>,
    /// Whether the item has a visibility: a re-export.
    pub(crate) is_reexport: bool,
}

/// Adds imports and paths to a module.
pub(crate) struct Collector<'a>(pub(crate) &'a mut Module);

/// The name of an identifier, without `r#`.
pub(crate) fn name(ident: &Ident) -> String {
    ident.unraw().to_string()
}

impl Collector<'_> {
    fn import(&mut self, tree: &UseTree, mut prefix: Vec<String>, is_reexport: bool) {
        let mut add = |name, path| self.0.imports.push(Import { name, path, is_reexport });
        match tree {
            UseTree::Path(path) => {
                prefix.push(name(&path.ident));
                self.import(&path.tree, prefix, is_reexport);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix.clone(), is_reexport);
                }
            }
            UseTree::Glob(_) => add(None, prefix),
            UseTree::Name(leaf) if leaf.ident == "self" => add(prefix.last().cloned(), prefix),
            UseTree::Name(leaf) => {
                prefix.push(name(&leaf.ident));
                add(prefix.last().cloned(), prefix);
            }
            UseTree::Rename(leaf) => {
                if leaf.ident != "self" {
                    prefix.push(name(&leaf.ident));
                }
                add(Some(name(&leaf.rename)), prefix);
            }
        }
    }

    /// Tokens are not parsed: names that are joined by `::` count as a path, and so does a single capitalised name.
    fn tokens(&mut self, mut rest: Cursor<'_>) {
        let mut path: Vec<String> = Vec::new();
        // Whether a name continues the path: at its start, and after `::`.
        let mut open = true;
        let mut colons = 0;
        loop {
            if let Some((ident, next)) = rest.ident() {
                if !open {
                    self.taken(&mut path);
                }
                path.push(name(&ident));
                (open, colons, rest) = (false, 0, next);
            } else if let Some((punct, next)) = rest.punct() {
                colons = if punct.as_char() == ':' { colons + 1 } else { 0 };
                // A path that begins with `::` belongs to another crate. Its empty first name resolves to nothing.
                if colons == 2 && (path.is_empty() || !open) {
                    if path.is_empty() {
                        path.push(String::new());
                    }
                    open = true;
                } else if colons == 0 {
                    self.taken(&mut path);
                    open = true;
                }
                rest = next;
            } else {
                self.taken(&mut path);
                (open, colons) = (true, 0);
                if let Some((inside, _, _, next)) = rest.any_group() {
                    self.tokens(inside);
                    rest = next;
                } else if let Some((_, next)) = rest.token_tree() {
                    rest = next;
                } else {
                    return;
                }
            }
        }
    }

    fn taken(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        let is_name = path.first().is_some_and(|name| name.starts_with(char::is_uppercase));
        if path.len() > 1 || is_name {
            self.0.paths.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !is_test(attributes_in_impl(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            let is_reexport = !matches!(item.vis, Visibility::Inherited);
            self.import(&item.tree, Vec::new(), is_reexport);
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast ItemExternCrate) {
        if let (true, Some((_, rename))) = (item.ident == "self", &item.rename) {
            let (name, path) = (Some(name(rename)), vec!["crate".to_owned()]);
            self.0.imports.push(Import { name, path, is_reexport: true });
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names = path.segments.iter().map(|segment| name(&segment.ident)).collect();
            self.0.paths.push(names);
        }
        visit::visit_path(self, path);
    }

    /// `pub(in crate::x)` is not an import: it says which modules may import.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let mut path =
            attribute.path().segments.iter().map(|segment| name(&segment.ident)).collect();
        self.taken(&mut path);
        if let Meta::List(list) = &attribute.meta {
            self.tokens(TokenBuffer::new2(list.tokens.clone()).begin());
        }
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.visit_path(&called.path);
        let last = called.path.segments.last().map(|segment| name(&segment.ident));
        if !last.is_some_and(|last| QUOTING.contains(&last.as_str())) {
            self.tokens(TokenBuffer::new2(called.tokens.clone()).begin());
        }
    }
}
