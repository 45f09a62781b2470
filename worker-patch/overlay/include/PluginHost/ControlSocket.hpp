#ifndef MS_PLUGIN_HOST_CONTROL_SOCKET_HPP
#define MS_PLUGIN_HOST_CONTROL_SOCKET_HPP

#include "common.hpp"
#include <uv.h>
#include <optional>
#include <string>

namespace PluginHost
{
	/**
	 * The listening socket `<dir>/<pid>.sock`, and the directory around it. [worker-loop]
	 */
	class ControlSocket
	{
	public:
		class Listener
		{
		public:
			virtual ~Listener() = default;

		public:
			virtual void OnControlSocketConnection(ControlSocket* socket, int fd) = 0;
			/**
			 * About once a second.
			 */
			virtual void OnControlSocketTick(ControlSocket* socket) = 0;
		};

	public:
		// Throws if it cannot listen or the controller's token cannot be read.
		ControlSocket(Listener* listener, const std::string& dir);
		~ControlSocket();

	public:
		bool IsControllerToken(const std::string& token) const;
		/**
		 * Whether hosts run as that user, beside our own.
		 */
		bool IsHostUser(uint32_t uid) const
		{
			return this->hostUid && *this->hostUid == uid;
		}

	private:
		void ReadToken();
		void ReadHostUser();
		void Listen();
		void Accept();
		void CleanUp();

	private:
		// Passed by argument.
		Listener* listener{ nullptr };
		std::string dir;
		// Allocated by this.
		int fd{ -1 };
		uv_poll_t* uvPoll{ nullptr };
		uv_timer_t* uvTimer{ nullptr };
		// Others.
		// Set if hosts run as a user of their own.
		std::optional<uint32_t> hostUid;
		std::string path;
		std::string token;
		int parentPid{ 0 };
	};
} // namespace PluginHost

#endif
