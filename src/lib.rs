//! An event queue by hand: epoll, kqueue and IOCP behind one small `Poll`.
