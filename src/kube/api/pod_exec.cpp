#include "kube/api/pod_exec.hpp"

#include <curl/curl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <optional>

#include "core/error.hpp"
#include "kube/api/exec_stream.hpp"
#include "kube/api/http_transfer.hpp"
#include "kube/api/watch_event.hpp"
#include "os/random.hpp"

namespace kube {
namespace {

using ErrorKind = core::Error::Kind;
using Moment = std::chrono::steady_clock;

constexpr std::size_t longest_refusal = std::size_t{1} << 16;
constexpr std::size_t longest_output = std::size_t{32} << 20;
constexpr std::size_t most_kept_errors = std::size_t{1} << 14;

// Channels of v4.channel.k8s.io: the first byte of each message.
constexpr char channel_input = 0;
constexpr char channel_output = 1;
constexpr char channel_errors = 2;
constexpr char channel_status = 3;

std::string target_of(const PodCommand& command) {
  std::string target = "/api/v1/namespaces/" + command.ns + "/pods/" + command.pod +
                       "/exec?stdout=true&stderr=true&container=" + escape_query(command.container);
  if (command.end_fd >= 0) target += "&stdin=true";
  for (const std::string& word : command.words) target += "&command=" + escape_query(word);
  return target;
}

class Exec {
 public:
  Exec(const ClientConfig& config, const Credential& credential, const std::string& user_agent,
       const PodCommand& command)
      : config_(config), command_(command), end_(Moment::now() + command.limit) {
    transfer_.request.target = target_of(command);
    set_up(transfer_, config, credential, {.user_agent = user_agent});
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_CONNECT_ONLY, 1L);
    const CURLcode result = curl_easy_perform(transfer_.easy.get());
    if (result != CURLE_OK) {
      throw core::Error(ErrorKind::transient, describe(transfer_, config, result));
    }
    curl_easy_getinfo(transfer_.easy.get(), CURLINFO_ACTIVESOCKET, &socket_);
    ask(user_agent);
  }

  PodCommandResult run() {
    ExecReader reader;
    reader.add(upgraded());
    std::optional<std::string> status;
    bool closed = false;
    bool told_to_end = command_.end_fd < 0;
    for (;;) {
      while (const auto message = reader.next()) {
        if (message->kind == ExecMessage::Kind::ping)
          frame(ExecMessage::Kind::pong, message->bytes);
        closed = closed || message->kind == ExecMessage::Kind::close;
        if (message->kind == ExecMessage::Kind::data) take(message->bytes, status);
      }
      if (status) break;
      if (closed || over_) fail("the connection was closed before its end");
      reader.add(more(told_to_end));
    }
    std::string why;
    const auto code = exec_status(*status, why);
    if (!code) fail(why);
    result_.status = *code;
    return std::move(result_);
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(transfer_.easy.get(), option, value);
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw core::Error(ErrorKind::transient, "cannot run a command in pod " + command_.ns + '/' +
                                                command_.pod + ": " + why);
  }

  void ask(const std::string& user_agent) {
    const Url& server = config_.cluster.server;
    std::string head = "GET " + server.path + transfer_.request.target + " HTTP/1.1\r\n";
    bool has_host = false;
    for (const curl_slist* one = transfer_.headers.get(); one != nullptr; one = one->next) {
      const std::string_view line = one->data;
      if (line.ends_with(':')) continue;  // curl's way to leave one out
      has_host = has_host || line.starts_with("Host:");
      head += std::string(line) + "\r\n";
    }
    if (!has_host) head += "Host: " + server.authority() + "\r\n";
    std::string key;
    for (int i = 0; i < 2; ++i) {
      const std::uint64_t chance = os::unguessable();
      key.append(reinterpret_cast<const char*>(&chance), sizeof chance);
    }
    head += "User-Agent: " + user_agent +
            "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\n"
            "Sec-WebSocket-Key: " +
            encode_base64(key) + "\r\n\r\n";
    send(head);
  }

  void send(const std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      std::size_t sent = 0;
      const CURLcode result =
          curl_easy_send(transfer_.easy.get(), &bytes[done], bytes.size() - done, &sent);
      if (result != CURLE_OK && result != CURLE_AGAIN) fail(curl_easy_strerror(result));
      done += sent;
      if (result == CURLE_AGAIN) {
        pollfd fd{socket_, POLLOUT, 0};
        poll(&fd, 1, left());
      }
    }
  }

  void frame(ExecMessage::Kind kind, std::string_view bytes) {
    send(exec_frame(kind, bytes, static_cast<std::uint32_t>(os::unguessable())));
  }

  // Waits for something; nothing: the connection is over.
  std::string more(bool& told_to_end) {
    for (;;) {
      std::array<char, 16384> buffer;
      std::size_t size = 0;
      const CURLcode result =
          curl_easy_recv(transfer_.easy.get(), buffer.data(), buffer.size(), &size);
      if (result == CURLE_OK) {
        over_ = size == 0;
        return {buffer.data(), size};
      }
      if (result != CURLE_AGAIN) fail(curl_easy_strerror(result));
      std::array<pollfd, 2> fds = {
          {{socket_, POLLIN, 0}, {told_to_end ? -1 : command_.end_fd, POLLIN, 0}}};
      poll(fds.data(), fds.size(), left());
      if (fds[1].revents == 0) continue;
      frame(ExecMessage::Kind::data, std::string(1, channel_input) + '\n');
      told_to_end = true;
    }
  }

  int left() const {
    const auto time = std::chrono::ceil<std::chrono::milliseconds>(end_ - Moment::now()).count();
    if (time <= 0) {
      fail(
          "it did not end within " +
          std::to_string(std::chrono::duration_cast<std::chrono::seconds>(command_.limit).count()) +
          " s");
    }
    return static_cast<int>(time);
  }

  // Reads the answer's head; what came behind it is returned.
  std::string upgraded() {
    bool never = true;
    std::string text;
    std::size_t end = 0;
    while ((end = text.find("\r\n\r\n")) == std::string::npos) {
      if (over_ || text.size() > longest_refusal) fail("the server's answer is no HTTP");
      text += more(never);
    }
    const int code = text.starts_with("HTTP/1.1 ") ? std::atoi(text.c_str() + 9) : 0;
    std::string body = text.substr(end + 4);
    if (code == 101) return body;
    std::size_t size = longest_refusal;
    constexpr std::string_view length = "ontent-length: ";
    const auto field = std::search(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
                                   length.begin(), length.end(), [](char one, char other) {
                                     return std::tolower(static_cast<unsigned char>(one)) == other;
                                   });
    if (field != text.begin() + static_cast<std::ptrdiff_t>(end)) {
      size = std::min<std::size_t>(size, std::strtoul(&*field + length.size(), nullptr, 10));
    }
    while (!over_ && body.size() < size) body += more(never);
    refuse(code, body);
  }

  [[noreturn]] void refuse(int code, const std::string& body) const {
    const std::string pod = "pod " + command_.ns + '/' + command_.pod;
    const std::string said = EventDecoder({}).status(code, body).message;
    if (code == 403) {
      throw core::Error(ErrorKind::permanent,
                        "not allowed to run a command in " + pod + ": " + said +
                            " (it takes the verbs get and create of pods/exec in namespace " +
                            command_.ns + ")");
    }
    if (code == 401) {
      throw core::Error(ErrorKind::permanent, "the API server does not accept the credential of " +
                                                  config_.origin + ": " + said);
    }
    fail("the API server says " + std::to_string(code) + ": " + said);
  }

  void take(std::string_view message, std::optional<std::string>& status) {
    if (message.empty()) return;
    const std::string_view bytes = message.substr(1);
    if (message[0] == channel_output) {
      if (bytes.size() > longest_output - result_.output.size()) fail("its output has no end");
      result_.output += bytes;
    } else if (message[0] == channel_errors) {
      command_.hear(bytes);
      result_.errors += bytes;
      if (result_.errors.size() > most_kept_errors) {
        result_.errors.erase(0, result_.errors.size() - most_kept_errors);
      }
    } else if (message[0] == channel_status && !bytes.empty()) {
      status = bytes;
    }
  }

  const ClientConfig& config_;
  const PodCommand& command_;
  Moment::time_point end_;
  Transfer transfer_;
  curl_socket_t socket_ = CURL_SOCKET_BAD;
  bool over_ = false;
  PodCommandResult result_;
};

}  // namespace

PodCommandResult run_in_pod(const ClientConfig& config, const Credential& credential,
                            const std::string& user_agent, const PodCommand& command) {
  return Exec(config, credential, user_agent, command).run();
}

}  // namespace kube
