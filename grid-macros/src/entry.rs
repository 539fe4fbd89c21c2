//! The syntax of options, shared by `#[grid::service(..)]` and `#[handler(..)]`: `key` or `key = value`, separated by
//! commas.

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, ExprUnary, Ident, Lit, LitInt, LitStr, Token, UnOp};

use crate::errors::Errors;

/// One option as written. The key keeps its span for error messages.
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) value: Option<Expr>,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(Ident::parse_any)?;
        let value = match input.parse::<Option<Token![=]>>()? {
            Some(_) => Some(input.parse()?),
            None => None,
        };
        Ok(Self { key, value })
    }
}

/// Parses the options. Reports unknown and duplicate keys.
pub(crate) fn entries(
    tokens: TokenStream,
    owner: &str,
    known: &[&str],
    errors: &mut Errors,
) -> Vec<Entry> {
    let parsed = match Punctuated::<Entry, Token![,]>::parse_terminated.parse2(tokens) {
        Ok(parsed) => parsed,
        Err(error) => {
            errors.add(error);
            return Vec::new();
        }
    };
    let mut entries: Vec<Entry> = Vec::new();
    for entry in parsed {
        let key = entry.key.to_string();
        if !known.contains(&key.as_str()) {
            errors.push(&entry.key, unknown(&key, owner, known));
        } else if entries.iter().any(|earlier| earlier.key == entry.key) {
            errors.push(&entry.key, format_args!("option `{key}` is given twice"));
        } else {
            entries.push(entry);
        }
    }
    entries
}

fn unknown(key: &str, owner: &str, known: &[&str]) -> String {
    let list = known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    let nearest = known.iter().map(|known| (distance(key, known), known)).min();
    match nearest {
        Some((distance, nearest)) if distance <= 2 => {
            format!(
                "{owner} has no option `{key}`; did you mean `{nearest}`? The options are {list}"
            )
        }
        _ => format!("{owner} has no option `{key}`; the options are {list}"),
    }
}

/// The edit distance: how many letters to change, insert or delete.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

impl Entry {
    /// The value as a string literal.
    pub(crate) fn text(&self, example: &str, errors: &mut Errors) -> Option<LitStr> {
        match &self.value {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Some(text.clone()),
            other => {
                self.wrong(other.as_ref(), "a string literal", example, errors);
                None
            }
        }
    }

    /// The value as a number from 1 to `max`.
    pub(crate) fn number(
        &self,
        what: &str,
        max: u32,
        example: &str,
        errors: &mut Errors,
    ) -> Option<u32> {
        match &self.value {
            Some(Expr::Lit(ExprLit { lit: Lit::Int(number), .. }))
                if number.suffix().is_empty() =>
            {
                let in_range =
                    number.base10_parse::<u32>().ok().filter(|number| (1..=max).contains(number));
                if in_range.is_none() {
                    errors.push(number, out_of_range(what, number, max));
                }
                in_range
            }
            Some(negative @ Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. })) => {
                errors.push(negative, format_args!("{what} is a number from 1 to {max}"));
                None
            }
            other => {
                self.wrong(
                    other.as_ref(),
                    &format!("a number literal from 1 to {max}"),
                    example,
                    errors,
                );
                None
            }
        }
    }

    /// Reports a value after an option that takes none.
    pub(crate) fn flag(&self, errors: &mut Errors) -> bool {
        if let Some(value) = &self.value {
            errors.push(value, format_args!("option `{}` takes no value: write `{0}`", self.key));
        }
        true
    }

    pub(crate) fn wrong(
        &self,
        value: Option<&Expr>,
        expected: &str,
        example: &str,
        errors: &mut Errors,
    ) {
        let message = format!("option `{}` takes {expected}: write `{example}`", self.key);
        match value {
            Some(value) => errors.push(value, message),
            None => errors.push(&self.key, message),
        }
    }
}

fn out_of_range(what: &str, number: &LitInt, max: u32) -> String {
    format!("{what} is a number from 1 to {max}, not {number}")
}
