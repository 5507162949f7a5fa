//! What it does to the host's ways out: requests with far too much in them, and things
//! taken and never given back.

use lockstep_sdk::{
    Error, Result,
    bindings::wasi::{
        clocks::monotonic_clock,
        http::outgoing_handler,
        http::types::{Fields, OutgoingBody, OutgoingRequest, Scheme},
        sockets::{network::IpAddressFamily, tcp_create_socket},
    },
    net,
};

fn refused(what: &str) -> Error {
    Error::internal(what.to_owned())
}

/// A request with so many headers.
pub fn many_headers(count: u32) -> Result<()> {
    let fields = Fields::new();
    for number in 0..count {
        let name = format!("x-header-{number}");
        fields.append(&name, &b"value".to_vec()).map_err(|_| refused("the headers were refused"))?;
    }
    Ok(())
}

/// A request whose body is written in so many pieces of nothing.
pub fn empty_writes(authority: &str, count: u32) -> Result<()> {
    let request = OutgoingRequest::new(Fields::new());
    let set = |done: std::result::Result<(), ()>| done.map_err(|()| refused("the request was refused"));
    set(request.set_scheme(Some(&Scheme::Http)))?;
    set(request.set_authority(Some(authority)))?;
    set(request.set_path_with_query(Some("/")))?;
    let body = request.body().map_err(|()| refused("the request has no body"))?;
    let answer = outgoing_handler::handle(request, None).map_err(|error| refused(&format!("{error:?}")))?;
    let stream = body.write().map_err(|()| refused("the body cannot be written"))?;
    for _ in 0..count {
        stream.write(&[]).map_err(|error| refused(&format!("{error:?}")))?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| refused(&format!("{error:?}")))?;
    answer.subscribe().block();
    Ok(())
}

/// Handles that are never given back.
pub fn leak_handles() -> Result<()> {
    loop {
        std::mem::forget(monotonic_clock::subscribe_duration(1_000_000_000_000));
    }
}

/// Sockets that are never given back; answers how many there were.
pub fn leak_sockets() -> u32 {
    let mut count = 0;
    while let Ok(socket) = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4) {
        std::mem::forget(socket);
        count += 1;
    }
    count
}

/// Connections to its own host that are never closed; answers how many there were.
pub fn leak_connections(host: &str, port: u16) -> u32 {
    let mut count = 0;
    while let Ok(stream) = net::TcpStream::connect(host, port, std::time::Duration::from_secs(5)) {
        std::mem::forget(stream);
        count += 1;
    }
    count
}
