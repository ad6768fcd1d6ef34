use super::*;

fn client(n: u8) -> SocketAddr {
    ([192, 0, 2, n], 7).into()
}

#[test]
fn what_is_asked_once_is_added_once() {
    let mut server = Server::default();
    assert_eq!(server.question(client(1), 1, 5), Some(5));
    assert_eq!(server.question(client(1), 2, 10), Some(15));
    assert_eq!(server.total, 15);
}

#[test]
fn who_asks_again_gets_the_same_answer() {
    let mut server = Server::default();
    assert_eq!(server.question(client(1), 1, 5), Some(5));
    for _ in 0..3 {
        let answer = server.question(client(1), 1, 5);
        assert_eq!(
            server.total, 5,
            "asked again, added again: the answer was lost, not the question"
        );
        assert!(
            answer == Some(5),
            "asked again, and {answer:?} was returned: the client has no answer yet, and will go on \
             asking until it comes"
        );
    }
    assert_eq!(server.question(client(1), 2, 1), Some(6));
}

#[test]
fn the_answer_is_the_one_of_then() {
    let mut server = Server::default();
    assert_eq!(server.question(client(1), 1, 5), Some(5));
    assert_eq!(server.question(client(2), 1, 100), Some(105));
    assert_eq!(
        server.question(client(1), 1, 5),
        Some(5),
        "the total after *this* addition: others have added since, but the second answer must be the \
         same as the first"
    );
}

#[test]
fn what_comes_late_is_passed_over() {
    let mut server = Server::default();
    assert_eq!(server.question(client(1), 1, 5), Some(5));
    assert_eq!(server.question(client(1), 2, 10), Some(15));
    let late = server.question(client(1), 1, 5);
    assert_eq!(
        server.total, 15,
        "a copy of question 1 came after question 2, and was added again: datagrams may arrive in \
         another order than they were sent in"
    );
    assert_eq!(late, None, "the client has this answer already");
    assert_eq!(
        server.question(client(1), 2, 10),
        Some(15),
        "a late question made the server forget the answer to the last question"
    );
}

#[test]
fn each_client_counts_for_itself() {
    let mut server = Server::default();
    for n in 1..=9 {
        assert_eq!(
            server.question(client(n), 1, 1),
            Some(n.into()),
            "question 1 of client {n} is not question 1 of another client"
        );
    }
    assert_eq!(server.total, 9);
}
