#ifndef MS_PLUGIN_HOST_CONTROL_CONNECTION_HPP
#define MS_PLUGIN_HOST_CONTROL_CONNECTION_HPP

#include "common.hpp"
#include "mph/fbs/control.h"
#include <uv.h>
#include <deque>
#include <string>
#include <vector>

namespace PluginHost
{
	/**
	 * One accepted connection of the control socket: frames in, frames and descriptors out. Receives with read(), thus without room for
	 * descriptors: no peer can hand the worker one. What a peer does not read is queued up to a limit, then the peer is cut
	 * off. [worker-loop]
	 */
	class ControlConnection
	{
	public:
		class Listener
		{
		public:
			virtual ~Listener() = default;

		public:
			/**
			 * The frame passed the verifier. May throw, which ends the connection.
			 */
			virtual void OnControlConnectionMessage(
			  ControlConnection* connection, const Mph::Control::Envelope* envelope) = 0;
			/**
			 * The last thing that is heard of it. It deletes itself afterwards.
			 */
			virtual void OnControlConnectionClosed(
			  ControlConnection* connection, const std::string& reason) = 0;
		};

	public:
		// Takes the descriptor over. Throws if libuv refuses it (the descriptor is closed then, too).
		ControlConnection(Listener* listener, int fd);
		ControlConnection(const ControlConnection&)            = delete;
		ControlConnection& operator=(const ControlConnection&) = delete;

	private:
		~ControlConnection();

	public:
		bool IsClosed() const
		{
			return this->closed;
		}
		int64_t GetCreatedAtMs() const
		{
			return this->createdAtMs;
		}
		/**
		 * Pid and user of the process that connected (SO_PEERCRED).
		 */
		/**
		 * Bytes that may be sent before it counts as not reading.
		 */
		size_t GetOutputRoom() const;
		uint32_t GetPeerPid() const
		{
			return this->peerPid;
		}
		uint32_t GetPeerUid() const
		{
			return this->peerUid;
		}
		/**
		 * Finishes the envelope around `body` and sends it. Descriptors may be closed by the caller after the return. Never tells the listener
		 * anything from within: a connection that fails closes later.
		 */
		void Send(
		  flatbuffers::FlatBufferBuilder& builder,
		  uint32_t id,
		  Mph::Control::Body type,
		  flatbuffers::Offset<void> body,
		  const std::vector<int>& fds = {});
		void SendOk(uint32_t id);
		void SendFailure(uint32_t id, Mph::Control::ErrorCode code, const std::string& message);
		/**
		 * Idempotent. Tells the listener unless it is asked not to.
		 */
		void Close(const std::string& reason, bool notify = true);

	private:
		struct Outgoing
		{
			std::vector<uint8_t> bytes;
			size_t sent{ 0 };
			// Our own duplicates.
			std::vector<int> fds;
		};

	private:
		void Break(const std::string& reason);
		void DiscardOutput();
		void OnUvEvents(int status, int events);
		void Read();
		void HandleFrames();
		void Flush();
		void UpdatePoll();

	private:
		// Passed by argument.
		Listener* listener{ nullptr };
		int fd{ -1 };
		// Allocated by this.
		uv_poll_t* uvHandle{ nullptr };
		// Others.
		bool closed{ false };
		// Not empty: sending failed, and it closes in the next turn of the loop.
		std::string brokenReason;
		int polledEvents{ 0 };
		int64_t createdAtMs{ 0 };
		uint32_t peerPid{ 0 };
		uint32_t peerUid{ UINT32_MAX };
		std::vector<uint8_t> input;
		std::deque<Outgoing> output;
		size_t outputBytes{ 0 };
	};
} // namespace PluginHost

#endif
