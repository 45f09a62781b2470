#define MS_CLASS "PluginHost::ControlConnection"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/ControlConnection.hpp"
#include "DepLibUV.hpp"
#include "Logger.hpp"
#include "MediaSoupErrors.hpp"
#include <cerrno>
#include <cstring> // std::memcpy()
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace PluginHost
{
	/* Static. */

	static constexpr size_t ReadBytesPerTurn{ 65536 };
	static constexpr size_t MaxOutputBytes{ 8 * 1024 * 1024 };
	static constexpr size_t LengthPrefix{ sizeof(uint32_t) };

	/**
	 * Makes the kernel refuse messages that carry descriptors, where it knows how to (Linux 6.16). Without it we still never get one, since
	 * read() drops them; but a last reference that is dropped there can block: that of a TCP socket with SO_LINGER and unsent data.
	 */
	static void DeclineDescriptors(int fd)
	{
		// SO_PASSRIGHTS, which Debian bookworm's headers do not have.
		static constexpr int PassRights{ 83 };

		const int off{ 0 };

		// An older kernel says ENOPROTOOPT, and nothing can be done then.
		static_cast<void>(setsockopt(fd, SOL_SOCKET, PassRights, std::addressof(off), sizeof(off)));
	}

	/* Instance methods. */

	ControlConnection::ControlConnection(Listener* listener, int fd)
	  : listener(listener), fd(fd), uvHandle(new uv_poll_t), createdAtMs(DepLibUV::GetTimeMs())
	{
		MS_TRACE();

		DeclineDescriptors(fd);

		struct ucred credentials{};
		socklen_t length{ sizeof(credentials) };

		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, std::addressof(credentials), std::addressof(length)) == 0)
		{
			this->peerPid = static_cast<uint32_t>(credentials.pid);
			this->peerUid = static_cast<uint32_t>(credentials.uid);
		}

		this->uvHandle->data = this;

		const int err = uv_poll_init(DepLibUV::GetLoop(), this->uvHandle, fd);

		if (err != 0)
		{
			delete this->uvHandle;
			close(fd);

			MS_THROW_ERROR("uv_poll_init() failed: %s", uv_strerror(err));
		}

		UpdatePoll();
	}

	ControlConnection::~ControlConnection()
	{
		MS_TRACE();
	}

	size_t ControlConnection::GetOutputRoom() const
	{
		MS_TRACE();

		return MaxOutputBytes - std::min(MaxOutputBytes, this->outputBytes);
	}

	void ControlConnection::Send(
	  flatbuffers::FlatBufferBuilder& builder,
	  uint32_t id,
	  Mph::Control::Body type,
	  flatbuffers::Offset<void> body,
	  const std::vector<int>& fds)
	{
		MS_TRACE();

		if (this->closed || !this->brokenReason.empty())
		{
			return;
		}

		Mph::Control::FinishEnvelopeBuffer(
		  builder,
		  Mph::Control::CreateEnvelope(builder, id, static_cast<uint8_t>(fds.size()), type, body));

		const auto length = builder.GetSize();

		if (this->outputBytes + length > MaxOutputBytes)
		{
			Break("it does not read its control socket");

			return;
		}

		Outgoing outgoing;

		outgoing.bytes.resize(LengthPrefix + length);

		const auto prefix = static_cast<uint32_t>(length);

		std::memcpy(outgoing.bytes.data(), std::addressof(prefix), LengthPrefix);
		std::memcpy(outgoing.bytes.data() + LengthPrefix, builder.GetBufferPointer(), length);

		for (const int descriptor : fds)
		{
			const int duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);

			if (duplicate < 0)
			{
				const int err = errno;

				for (const int made : outgoing.fds)
				{
					close(made);
				}

				MS_THROW_ERROR("cannot duplicate a descriptor for a host: %s", std::strerror(err));
			}

			outgoing.fds.push_back(duplicate);
		}

		this->outputBytes += outgoing.bytes.size();
		this->output.push_back(std::move(outgoing));

		Flush();
	}

	void ControlConnection::SendOk(uint32_t id)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;

		Send(builder, id, Mph::Control::Body::Ok, Mph::Control::CreateOk(builder).Union());
	}

	void ControlConnection::SendFailure(
	  uint32_t id, Mph::Control::ErrorCode code, const std::string& message)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;

		const auto failure = Mph::Control::CreateFailureDirect(builder, code, message.c_str());

		Send(builder, id, Mph::Control::Body::Failure, failure.Union());
	}

	void ControlConnection::Close(const std::string& reason, bool notify)
	{
		MS_TRACE();

		if (this->closed)
		{
			return;
		}

		this->closed = true;

		MS_DEBUG_TAG(info, "control connection closed [pid:%" PRIu32 ", reason:%s]", this->peerPid, reason.c_str());

		DiscardOutput();
		uv_poll_stop(this->uvHandle);
		close(this->fd);
		this->fd = -1;

		if (notify)
		{
			this->listener->OnControlConnectionClosed(this, reason);
		}

		// Whoever is on the stack may still look at this object: it goes when libuv has let go of the handle.
		uv_close(
		  reinterpret_cast<uv_handle_t*>(this->uvHandle),
		  [](uv_handle_t* handle)
		  {
			  delete static_cast<ControlConnection*>(handle->data);
			  delete reinterpret_cast<uv_poll_t*>(handle);
		  });
	}

	/**
	 * Whoever sends is in the middle of something and does not expect connections, links and attachments to go away under its feet. So a
	 * connection that fails while sending is closed in the next turn of the loop: shutting the socket down makes it readable.
	 */
	void ControlConnection::Break(const std::string& reason)
	{
		MS_TRACE();

		this->brokenReason = reason;

		DiscardOutput();
		shutdown(this->fd, SHUT_RDWR);
	}

	void ControlConnection::DiscardOutput()
	{
		MS_TRACE();

		for (auto& outgoing : this->output)
		{
			for (const int descriptor : outgoing.fds)
			{
				close(descriptor);
			}
		}

		this->output.clear();
	}

	void ControlConnection::OnUvEvents(int status, int events)
	{
		MS_TRACE();

		// Nothing may leave a libuv callback: nobody would catch it.
		try
		{
			if (!this->brokenReason.empty())
			{
				Close(this->brokenReason);

				return;
			}

			if (status != 0)
			{
				Close(uv_strerror(status));

				return;
			}

			if ((events & UV_WRITABLE) != 0)
			{
				Flush();
			}

			if (!this->closed && (events & (UV_READABLE | UV_DISCONNECT)) != 0)
			{
				Read();
			}
		}
		catch (const std::exception& error)
		{
			MS_WARN_TAG(info, "control connection failed [pid:%" PRIu32 "]: %s", this->peerPid, error.what());

			Close(error.what());
		}
	}

	void ControlConnection::Read()
	{
		MS_TRACE();

		const size_t before = this->input.size();

		this->input.resize(before + ReadBytesPerTurn);

		const auto count = read(this->fd, this->input.data() + before, ReadBytesPerTurn);
		const int err    = errno;

		this->input.resize(before + (count > 0 ? count : 0));

		if (count == 0)
		{
			Close("the peer closed the connection");

			return;
		}

		if (count < 0)
		{
			if (err != EAGAIN && err != EINTR)
			{
				Close(std::strerror(err));
			}

			return;
		}

		HandleFrames();
	}

	void ControlConnection::HandleFrames()
	{
		MS_TRACE();

		size_t offset{ 0 };

		while (!this->closed && this->brokenReason.empty() && this->input.size() - offset >= LengthPrefix)
		{
			uint32_t length{ 0 };

			std::memcpy(std::addressof(length), this->input.data() + offset, LengthPrefix);

			if (length == 0 || length > static_cast<uint32_t>(Mph::Control::Limit::MaxFrameBytes))
			{
				Close("frame of " + std::to_string(length) + " bytes");

				return;
			}

			if (this->input.size() - offset - LengthPrefix < length)
			{
				break;
			}

			// FlatBuffers wants its table aligned, so the frame gets memory of its own.
			const std::vector<uint8_t> frame(
			  this->input.begin() + static_cast<ptrdiff_t>(offset + LengthPrefix),
			  this->input.begin() + static_cast<ptrdiff_t>(offset + LengthPrefix + length));

			offset += LengthPrefix + length;

			flatbuffers::Verifier verifier(frame.data(), frame.size());

			if (!Mph::Control::VerifyEnvelopeBuffer(verifier))
			{
				Close("malformed frame");

				return;
			}

			this->listener->OnControlConnectionMessage(this, Mph::Control::GetEnvelope(frame.data()));
		}

		this->input.erase(this->input.begin(), this->input.begin() + static_cast<ptrdiff_t>(offset));
	}

	void ControlConnection::Flush()
	{
		MS_TRACE();

		while (!this->output.empty())
		{
			auto& outgoing = this->output.front();

			struct iovec iov{ .iov_base = outgoing.bytes.data() + outgoing.sent,
				                .iov_len  = outgoing.bytes.size() - outgoing.sent };
			struct msghdr message{};
			// Not more than four travel with any of our messages.
			alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int) * 8)]{};

			message.msg_iov    = std::addressof(iov);
			message.msg_iovlen = 1;

			if (outgoing.sent == 0 && !outgoing.fds.empty())
			{
				message.msg_control    = control;
				message.msg_controllen = CMSG_SPACE(sizeof(int) * outgoing.fds.size());

				auto* header = CMSG_FIRSTHDR(std::addressof(message));

				header->cmsg_level = SOL_SOCKET;
				header->cmsg_type  = SCM_RIGHTS;
				header->cmsg_len   = CMSG_LEN(sizeof(int) * outgoing.fds.size());

				std::memcpy(CMSG_DATA(header), outgoing.fds.data(), sizeof(int) * outgoing.fds.size());
			}

			const auto count = sendmsg(this->fd, std::addressof(message), MSG_NOSIGNAL | MSG_DONTWAIT);

			if (count < 0)
			{
				if (errno == EINTR)
				{
					continue;
				}

				if (errno != EAGAIN)
				{
					Break(std::strerror(errno));

					return;
				}

				break;
			}

			for (const int descriptor : outgoing.fds)
			{
				close(descriptor);
			}
			outgoing.fds.clear();

			outgoing.sent += static_cast<size_t>(count);
			this->outputBytes -= static_cast<size_t>(count);

			if (outgoing.sent == outgoing.bytes.size())
			{
				this->output.pop_front();
			}
		}

		UpdatePoll();
	}

	void ControlConnection::UpdatePoll()
	{
		MS_TRACE();

		const int events = UV_READABLE | UV_DISCONNECT | (this->output.empty() ? 0 : UV_WRITABLE);

		if (events == this->polledEvents)
		{
			return;
		}

		const int err = uv_poll_start(
		  this->uvHandle,
		  events,
		  [](uv_poll_t* handle, int status, int polled)
		  {
			  static_cast<ControlConnection*>(handle->data)->OnUvEvents(status, polled);
		  });

		if (err != 0)
		{
			MS_WARN_TAG(info, "uv_poll_start() failed: %s", uv_strerror(err));

			return;
		}

		this->polledEvents = events;
	}
} // namespace PluginHost
