//! What a path may be, and where a redirect leads.

use std::fs;

use tempfile::TempDir;

use super::super::*;
use super::{get, status, tree};

#[test]
fn names_are_decoded_once() {
    let outer = tree();
    let root = outer.path().join("root");
    for (target, body) in [
        ("/a%20b.txt", "blank"),
        ("/%61%20b%2Etxt", "blank"),
        ("/100%.txt", "percent"),
        ("/100%25.txt", "percent"),
        ("/gr%C3%BC%c3%9fe.txt", "utf-8"),
        ("/folder/deep/file.txt?a=/../b", "deep"),
        ("http://a/folder/deep/file.txt", "deep"),
        ("http://a", "<p>home"),
        ("http://a?q", "<p>home"),
    ] {
        let answer = get(&root, target);
        assert_eq!((answer.status, answer.body.as_slice()), (200, body.as_bytes()), "{target}");
    }
    assert_eq!(status(&root, "/%2561%20b.txt"), 404, "twice would find it");
    assert_eq!(status(&root, "/a+b.txt"), 404, "a plus is no blank in a path");
}

#[cfg(unix)]
#[test]
fn a_name_need_not_be_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let root = TempDir::new().unwrap();
    let wanted = files(root.path()).unwrap().locate("/caf%e9.txt").unwrap();
    assert_eq!(wanted.file_name().unwrap().as_bytes(), b"caf\xe9.txt");
}

#[test]
fn what_would_lead_out_of_the_root_is_not_found() {
    let outer = tree();
    let root = outer.path().join("root");
    let secret = outer.path().join("secret");
    let absolute = secret.to_str().unwrap();
    for target in [
        "/../secret",
        "/%2e%2e/secret",
        "/%2E./secret",
        "/.%2e/secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/..%5csecret",
        "/..\\secret",
        "/\\..\\secret",
        "/folder/../../secret",
        "/folder/..%2f..%2fsecret",
        "/folder/%2e%2e/%2e%2e/secret",
        "/nothing/../../secret",
        "/../root/page.html",
        "/../root-too/secret",
        "http://a/../secret",
        "http://a/%2e%2e/secret",
        "/...//secret",
        "/..;/secret",
        "/%252e%252e/secret",
        "/%c0%ae%c0%ae/secret",
        &format!("/{absolute}"),
        &format!("/{}", absolute.replace('/', "%2f")),
        &format!("http://a/{absolute}"),
        "//etc/passwd",
        "///etc/passwd",
        "/%2fetc/passwd",
        "/file:///etc/passwd",
        "/c:/windows/win.ini",
        "/c:%5cwindows%5cwin.ini",
    ] {
        let answer = get(&root, target);
        let (status, body) = (answer.status, String::from_utf8_lossy(&answer.body).into_owned());
        assert_eq!((status, body.as_str()), (404, "no such file"), "{target}");
    }
    // No server's business to answer: the parser refuses it.
    assert_eq!(status(&root, "\\..\\secret"), 400);
}

#[test]
fn names_that_are_no_plain_names_are_not_found_even_inside_the_root() {
    let outer = tree();
    let root = outer.path().join("root");
    for target in [
        "/.",
        "/./",
        "/./page.html",
        "/%2e/page.html",
        "/folder/..",
        "/folder/../",
        "/folder/../page.html",
        "/folder/.",
        "//",
        "//page.html",
        "/folder//index.html",
        "/folder//",
        "/folder%2findex.html",
        "/folder%5cindex.html",
        "/%00",
        "/page.html%00",
        "/page.html%00.txt",
        "/page%00.html/",
        "http://a//page.html",
    ] {
        assert_eq!(status(&root, target), 404, "{target}");
    }
}

#[test]
fn names_that_begin_with_a_dot_are_hidden_except_well_known() {
    let outer = tree();
    let root = outer.path().join("root");
    for hidden in
        ["/.hidden", "/%2ehidden", "/.git/config", "/.git", "/.git/", "/.well-known/.hidden"]
    {
        assert_eq!(status(&root, hidden), 404, "{hidden}");
    }
    assert_eq!(get(&root, "/.well-known/security.txt").body, b"well known");
}

#[test]
fn what_windows_takes_for_something_else_is_known() {
    let reserved = "c:/C:x/a.txt:b/a.txt::$DATA/nul/NUL.txt/con/Con.tar.gz/aux /aux .txt/com1/\
        COM9.log/lpt1/lpt³/conout$/a./a /a?/a*/a\t";
    for name in reserved.split('/') {
        assert!(is_reserved_on_windows(name.as_bytes()), "{name:?}");
    }
    for name in "nulls/console/com/com10/comb/com0x/a.nul/a b/lpt/€".split('/') {
        assert!(!is_reserved_on_windows(name.as_bytes()), "{name:?}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let outer = tree();
    let root = outer.path().join("root");
    for target in ["/nothing", "/nothing/", "/nothing/at/all", "/page.html/", "/page.html/x"] {
        assert_eq!(status(&root, target), 404, "{target}");
    }
    assert_eq!(status(&root, &format!("/{}", "a".repeat(300))), 404, "a name too long");
    assert_eq!(status(&root, &"/abcdefg".repeat(700)), 404, "a path too long");
}

#[test]
fn a_folder_without_its_slash_is_redirected_with_its_query() {
    let outer = tree();
    let root = outer.path().join("root");
    fs::create_dir(root.join("a b")).unwrap();
    for (target, location) in [
        ("/folder", "/folder/"),
        ("/folder?a=b&c=/d?e", "/folder/?a=b&c=/d?e"),
        ("/folder?", "/folder/?"),
        ("/folder?//evil.example", "/folder/?//evil.example"),
        ("/folder/deep", "/folder/deep/"),
        ("/bare", "/bare/"),
        ("/a%20b", "/a%20b/"),
        ("http://evil.example/folder?q", "/folder/?q"),
    ] {
        let answer = get(&root, target);
        assert_eq!((answer.status, answer.header("location")), (301, Some(location)), "{target}");
        assert!(answer.ranges.is_empty());
    }
}

#[test]
fn no_redirect_leads_to_another_server() {
    let outer = tree();
    let root = outer.path().join("root");
    fs::create_dir_all(root.join("evil.example/folder")).unwrap();
    assert_eq!(get(&root, "/evil.example").header("location"), Some("/evil.example/"));
    for target in [
        "//evil.example",
        "//evil.example/folder",
        "/%2fevil.example",
        "/\\evil.example",
        "/%5cevil.example",
        "/.//evil.example",
        "http://a//evil.example",
        "http://a/\\evil.example",
    ] {
        let answer = get(&root, target);
        assert_eq!((answer.status, answer.header("location")), (404, None), "{target}");
    }
}
