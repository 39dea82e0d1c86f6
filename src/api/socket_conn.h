// SocketConn: a Conn over a connected stream socket, on an Asio loop.
#pragma once

#include <memory>

#include "api/conn.h"
#include "base/fd.h"

namespace boost::asio {
class io_context;
}

namespace bridle::api {

// fd is made non-blocking. REQUIRES: a connected stream socket.
std::unique_ptr<Conn> socket_conn(boost::asio::io_context& loop, Fd fd);

}  // namespace bridle::api
