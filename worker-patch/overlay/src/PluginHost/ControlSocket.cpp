#define MS_CLASS "PluginHost::ControlSocket"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/ControlSocket.hpp"
#include "DepLibUV.hpp"
#include "Logger.hpp"
#include "MediaSoupErrors.hpp"
#include <cerrno>
#include <charconv>
#include <cstdlib> // std::strtol()
#include <cstring>
#include <dirent.h>
#include <fstream>
#include <openssl/crypto.h> // CRYPTO_memcmp()
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace PluginHost
{
	/* Static. */

	static constexpr int Backlog{ 64 };
	// Per readiness of the listening socket: a flood of connections must not keep the loop.
	static constexpr int MaxAcceptsPerTurn{ 16 };
	static constexpr uint64_t TickMs{ 1000 };
	static constexpr size_t TokenLength{ 64 };
	static constexpr const char* HostUidVariable{ "MEDIASOUP_PLUGIN_HOST_UID" };

	template<typename T>
	static void closeHandle(T* handle)
	{
		uv_close(
		  reinterpret_cast<uv_handle_t*>(handle),
		  [](uv_handle_t* closed)
		  {
			  delete reinterpret_cast<T*>(closed);
		  });
	}

	/**
	 * Neither gone nor going: a process that was killed closes its descriptors, by which others hear of its end, before its children
	 * get another parent and before it is reaped.
	 */
	static bool isAlive(int pid)
	{
		// PF_EXITING of the kernel's include/linux/sched.h.
		static constexpr unsigned long Exiting{ 0x4 };

		std::ifstream stream("/proc/" + std::to_string(pid) + "/stat");
		std::string stat;

		if (!std::getline(stream, stat))
		{
			return false;
		}

		// The command's name is in parentheses and may hold anything. Behind it: state, five numbers, flags.
		std::istringstream fields(stat.substr(stat.rfind(')') + 1));
		std::string state;
		long number{ 0 };
		unsigned long flags{ 0 };

		fields >> state;

		for (int i{ 0 }; i < 5; ++i)
		{
			fields >> number;
		}

		fields >> flags;

		return state != "Z" && state != "X" && (flags & Exiting) == 0;
	}

	/* Instance methods. */

	ControlSocket::ControlSocket(Listener* listener, const std::string& dir)
	  : listener(listener),
	    dir(dir),
	    path(dir + "/" + std::to_string(Logger::Pid) + ".sock"),
	    parentPid(getppid())
	{
		MS_TRACE();

		// These may throw.
		ReadToken();
		ReadHostUser();
		Listen();
	}

	ControlSocket::~ControlSocket()
	{
		MS_TRACE();

		uv_poll_stop(this->uvPoll);
		closeHandle(this->uvPoll);
		uv_timer_stop(this->uvTimer);
		closeHandle(this->uvTimer);
		close(this->fd);

		CleanUp();
	}

	bool ControlSocket::IsControllerToken(const std::string& token) const
	{
		MS_TRACE();

		return token.size() == this->token.size() &&
		       CRYPTO_memcmp(token.data(), this->token.data(), token.size()) == 0;
	}

	void ControlSocket::ReadToken()
	{
		MS_TRACE();

		const auto file = this->dir + "/token";
		std::ifstream stream(file);

		if (!stream || !std::getline(stream, this->token))
		{
			MS_THROW_ERROR("cannot read the controller's token from %s", file.c_str());
		}

		if (this->token.size() != TokenLength)
		{
			MS_THROW_ERROR(
			  "the controller's token in %s has %zu characters instead of %zu",
			  file.c_str(),
			  this->token.size(),
			  TokenLength);
		}
	}

	void ControlSocket::ReadHostUser()
	{
		MS_TRACE();

		const char* value = std::getenv(HostUidVariable);

		if (!value || value[0] == '\0')
		{
			return;
		}

		uint32_t uid{ 0 };
		const auto* end           = value + std::strlen(value);
		const auto [parsed, error] = std::from_chars(value, end, uid);

		if (error != std::errc() || parsed != end)
		{
			MS_THROW_ERROR("%s is \"%s\", which is no user's number", HostUidVariable, value);
		}

		this->hostUid = uid;

		// What another user's process might read of this one: its memory, through /proc or ptrace.
		prctl(PR_SET_DUMPABLE, 0);
	}

	void ControlSocket::Listen()
	{
		MS_TRACE();

		struct sockaddr_un address{};

		address.sun_family = AF_UNIX;

		if (this->path.size() >= sizeof(address.sun_path))
		{
			MS_THROW_ERROR(
			  "%s is longer than the %zu bytes that a unix socket's path may have",
			  this->path.c_str(),
			  sizeof(address.sun_path) - 1);
		}

		std::memcpy(address.sun_path, this->path.c_str(), this->path.size() + 1);

		this->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (this->fd < 0)
		{
			MS_THROW_ERROR("socket() failed: %s", std::strerror(errno));
		}

		// One of our pid can only be a leftover of a dead worker.
		unlink(this->path.c_str());

		if (
		  bind(this->fd, reinterpret_cast<struct sockaddr*>(std::addressof(address)), sizeof(address)) != 0 ||
		  listen(this->fd, Backlog) != 0)
		{
			const int err = errno;

			close(this->fd);

			MS_THROW_ERROR("cannot listen on %s: %s", this->path.c_str(), std::strerror(err));
		}

		// Who may connect is decided by user and token.
		if (this->hostUid)
		{
			chmod(this->path.c_str(), 0666);
		}

		this->uvPoll       = new uv_poll_t;
		this->uvTimer      = new uv_timer_t;
		this->uvPoll->data = this;

		uv_timer_init(DepLibUV::GetLoop(), this->uvTimer);
		this->uvTimer->data = this;

		const int err = uv_poll_init(DepLibUV::GetLoop(), this->uvPoll, this->fd);

		if (err != 0)
		{
			delete this->uvPoll;
			closeHandle(this->uvTimer);
			close(this->fd);
			unlink(this->path.c_str());

			MS_THROW_ERROR("uv_poll_init() failed: %s", uv_strerror(err));
		}

		uv_poll_start(
		  this->uvPoll,
		  UV_READABLE,
		  [](uv_poll_t* handle, int /*status*/, int /*events*/)
		  {
			  static_cast<ControlSocket*>(handle->data)->Accept();
		  });
		uv_timer_start(
		  this->uvTimer,
		  [](uv_timer_t* handle)
		  {
			  auto* self = static_cast<ControlSocket*>(handle->data);

			  self->listener->OnControlSocketTick(self);
		  },
		  TickMs,
		  TickMs);
	}

	void ControlSocket::Accept()
	{
		MS_TRACE();

		for (int i{ 0 }; i < MaxAcceptsPerTurn; ++i)
		{
			const int accepted = accept4(this->fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);

			if (accepted < 0)
			{
				return;
			}

			this->listener->OnControlSocketConnection(this, accepted);
		}
	}

	/**
	 * An app that was killed cannot remove its directory: the last of its workers does.
	 */
	void ControlSocket::CleanUp()
	{
		MS_TRACE();

		unlink(this->path.c_str());

		// Our parent lives on, so does its directory.
		if (getppid() == this->parentPid && isAlive(this->parentPid))
		{
			return;
		}

		auto* entries = opendir(this->dir.c_str());

		if (!entries)
		{
			return;
		}

		std::vector<std::string> ours;
		bool isLast{ true };

		while (const auto* entry = readdir(entries))
		{
			const std::string name(entry->d_name);

			if (name.ends_with(".sock"))
			{
				const auto pid = std::strtol(name.c_str(), nullptr, 10);

				// A socket whose worker is dead is a leftover like the others.
				if (pid > 0 && isAlive(static_cast<int>(pid)))
				{
					isLast = false;
				}
			}

			if (name != "." && name != "..")
			{
				ours.push_back(this->dir + "/" + name);
			}
		}

		closedir(entries);

		if (!isLast)
		{
			return;
		}

		for (const auto& file : ours)
		{
			unlink(file.c_str());
		}

		rmdir(this->dir.c_str());
	}
} // namespace PluginHost
