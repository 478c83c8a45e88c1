#include "support/apiserver/front/connection.hpp"

#include <event2/buffer.h>

#include <algorithm>

#include "core/error.hpp"
#include "support/apiserver/front/http.hpp"
#include "support/apiserver/json.hpp"

namespace support::apiserver {

Connection::Connection(Buffer buffer, std::function<Response(const Request&)> handle)
    : buffer_(std::move(buffer)), handle_(std::move(handle)) {
  bufferevent_setcb(buffer_.get(), on_read, on_written, on_event, this);
  bufferevent_enable(buffer_.get(), EV_READ | EV_WRITE);
}

void Connection::on_read(bufferevent* buffer, void* self) {
  auto& connection = *static_cast<Connection*>(self);
  evbuffer* const input = bufferevent_get_input(buffer);
  std::string bytes(evbuffer_get_length(input), '\0');
  evbuffer_remove(input, bytes.data(), bytes.size());
  connection.input_ += bytes;
  connection.serve();
}

void Connection::on_written(bufferevent*, void* self) {
  auto& connection = *static_cast<Connection*>(self);
  if (connection.closing_ && connection.slow_.empty()) connection.over_ = true;
}

void Connection::on_event(bufferevent*, short what, void* self) {
  if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) static_cast<Connection*>(self)->over_ = true;
}

void Connection::write(const std::string& bytes) {
  bufferevent_write(buffer_.get(), bytes.data(), bytes.size());
}

void Connection::serve() {
  if (exec_) return exec_->take(input_);
  try {
    while (!stream_ && slow_.empty() && !stalled_ && !closing_) {
      const std::optional<Parsed> parsed = parse_request(input_);
      if (!parsed) {
        if (awaits_continue(input_)) write("HTTP/1.1 100 Continue\r\n\r\n");
        return;
      }
      input_.erase(0, parsed->size);
      answer(parsed->request);
      if (exec_) return exec_->take(input_);
      if (!parsed->keeps_open && !stream_) closing_ = true;
    }
  } catch (const core::Error&) {
    write("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    closing_ = true;
  }
}

void Connection::answer(const Request& request) {
  const Response response = handle_(request);
  if (!response.delivery.garbage.empty()) {
    write(response.delivery.garbage);
    closing_ = true;
    return;
  }
  if (response.status == 101) return run(request, response.body);
  if (response.stream) {
    stream_ = response.stream;
    write(response_head(response, std::nullopt));
    return;
  }
  const std::string head = response_head(response, response.body.size());
  deliver(head + response.body, response.delivery, head.size());
}

void Connection::run(const Request& request, const std::string& body) {
  const auto key = request.headers.find("sec-websocket-key");
  write(ExecSession::head(key == request.headers.end() ? "" : key->second));
  exec_ = std::make_unique<ExecSession>(
      bufferevent_get_base(buffer_.get()),
      Json::parse(body)["words"].get<std::vector<std::string>>(),
      [this](const std::string& bytes) { write(bytes); }, [this] { closing_ = true; });
}

void Connection::deliver(const std::string& bytes, const Delivery& delivery, std::size_t head) {
  if (delivery.bytes_per_second) {
    write(bytes.substr(0, head));
    slow_ = bytes.substr(head);
    drip_ = std::max<std::size_t>(*delivery.bytes_per_second, 1);
    dripped_ = {};
    return;
  }
  const std::optional<std::size_t> cut =
      delivery.drop_after ? delivery.drop_after : delivery.stall_after;
  if (!cut) {
    write(bytes);
    return;
  }
  // Without a byte of the body not even the head comes.
  if (*cut > 0) write(bytes.substr(0, head + *cut));
  stalled_ = delivery.stall_after.has_value();
  closing_ = !stalled_;
  if (closing_ && *cut == 0) over_ = true;
}

void Connection::pump(Time now) {
  if (!slow_.empty()) {
    if (dripped_ == Time()) dripped_ = now;
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - dripped_);
    const std::size_t due = drip_ * static_cast<std::size_t>(passed.count()) / 1000;
    if (due > 0) {
      write(slow_.substr(0, due));
      slow_.erase(0, due);
      dripped_ = now;
      if (slow_.empty()) serve();
    }
  }
  if (!stream_ || over_) return;
  const Stream::Piece piece = stream_->read();
  if (!piece.bytes.empty()) write(chunk(piece.bytes));
  if (piece.dropped) {
    stream_.reset();
    closing_ = true;
    if (piece.bytes.empty()) over_ = true;
  } else if (piece.ended) {
    stream_.reset();
    write(chunk(""));
    serve();
  }
}

}  // namespace support::apiserver
