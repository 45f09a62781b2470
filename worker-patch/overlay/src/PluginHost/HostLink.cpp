#define MS_CLASS "PluginHost::HostLink"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/HostLink.hpp"
#include "DepLibUV.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "MediaSoupErrors.hpp"
#include "PluginHost/MediasoupVersion.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/VerdictPump.hpp"
#include <sys/syscall.h>
#include <unistd.h>

namespace PluginHost
{
	/* Static. */

	namespace Layout = Mph::Layout;

	/* Instance methods. */

	HostLink::HostLink(Plugin* plugin, ControlConnection* connection, uint32_t pid)
	  : plugin(plugin),
	    connection(connection),
	    pid(pid),
	    workerSegment(mph::shm::Segment::CreateOwned(Layout::SegmentKind::WorkerLink, 0, Logger::Pid)),
	    hostSegment(mph::shm::Segment::CreateForPeer(Layout::SegmentKind::HostLink, 0, Logger::Pid)),
	    writer(this->workerSegment.Data()),
	    reader(this->hostSegment.Data()),
	    watch(this->reader),
	    hostDoorbell(mph::shm::DoorbellPipe::Create()),
	    workerDoorbell(mph::shm::DoorbellPipe::Create()),
	    uvDoorbell(new uv_poll_t)
	{
		MS_TRACE();

		this->uvDoorbell->data = this;

		const int err =
		  uv_poll_init(DepLibUV::GetLoop(), this->uvDoorbell, this->workerDoorbell.readEnd.Get());

		if (err != 0)
		{
			delete this->uvDoorbell;

			MS_THROW_ERROR("uv_poll_init() failed for a doorbell: %s", uv_strerror(err));
		}

		uv_poll_start(
		  this->uvDoorbell,
		  UV_READABLE,
		  [](uv_poll_t* handle, int /*status*/, int /*events*/)
		  {
			  static_cast<HostLink*>(handle->data)->OnDoorbell();
		  });

		WatchProcess();
		VerdictPump::AddLink(this);
	}

	HostLink::~HostLink()
	{
		MS_TRACE();

		VerdictPump::RemoveLink(this);

		for (auto* handle : { this->uvDoorbell, this->uvProcess })
		{
			if (!handle)
			{
				continue;
			}

			uv_poll_stop(handle);
			uv_close(
			  reinterpret_cast<uv_handle_t*>(handle),
			  [](uv_handle_t* closed)
			  {
				  delete reinterpret_cast<uv_poll_t*>(closed);
			  });
		}
	}

	/**
	 * The socket of a process that is dead may live on: in a child, or until its core is written.
	 */
	void HostLink::WatchProcess()
	{
		MS_TRACE();

#ifndef MPH_SABOTAGE_SKIP_PIDFD
		this->pidfd.Reset(
		  static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(this->pid), 0)));
#endif

		if (this->pidfd.Get() < 0)
		{
			return;
		}

		this->uvProcess       = new uv_poll_t;
		this->uvProcess->data = this;

		if (uv_poll_init(DepLibUV::GetLoop(), this->uvProcess, this->pidfd.Get()) != 0)
		{
			delete this->uvProcess;
			this->uvProcess = nullptr;

			return;
		}

		uv_poll_start(
		  this->uvProcess,
		  UV_READABLE,
		  [](uv_poll_t* handle, int /*status*/, int /*events*/)
		  {
			  VerdictPump::Awake();

			  // Deletes this.
			  static_cast<HostLink*>(handle->data)->connection->Close("its process ended");
		  });
	}

	void HostLink::Welcome(uint32_t requestId)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;

		const auto welcome = Mph::Control::CreateWelcomeDirect(
		  builder,
		  static_cast<uint16_t>(Mph::Control::ProtocolVersion::Current),
		  static_cast<uint16_t>(Layout::LayoutVersion::Current),
		  static_cast<uint32_t>(Logger::Pid),
		  MediasoupVersion);

		this->connection->Send(
		  builder,
		  requestId,
		  Mph::Control::Body::Welcome,
		  welcome.Union(),
		  { this->workerSegment.Fd(),
		    this->hostSegment.Fd(),
		    this->hostDoorbell.readEnd.Get(),
		    this->workerDoorbell.writeEnd.Get() });

		// Only the host has these ends from now on: when it dies, our writes fail instead of filling a pipe that nobody empties.
		this->workerSegment.CloseFd();
		this->hostSegment.CloseFd();
		this->hostDoorbell.readEnd.Reset();
		this->workerDoorbell.writeEnd.Reset();
	}

	void HostLink::Send(
	  flatbuffers::FlatBufferBuilder& builder,
	  Mph::Control::Body type,
	  flatbuffers::Offset<void> body,
	  const std::vector<int>& fds)
	{
		MS_TRACE();

		this->connection->Send(builder, 0, type, body, fds);
	}

	void HostLink::OfferRing(PluginPlace* place)
	{
		MS_TRACE();

		auto it = std::ranges::find(this->rings, nullptr);

		if (it == this->rings.end())
		{
			if (this->rings.size() >= static_cast<size_t>(Layout::Limit::MaxRingsPerConnection))
			{
				MS_THROW_ERROR("the host serves %zu routers already", this->rings.size());
			}

			it = this->rings.insert(it, nullptr);
			this->readyRings.Add(static_cast<uint32_t>(it - this->rings.begin()));
		}

		place->GetSuccession().Offer(this, static_cast<uint32_t>(it - this->rings.begin()));

		*it = place;
	}

	void HostLink::WithdrawRing(PluginPlace* place)
	{
		MS_TRACE();

		const auto it = std::ranges::find(this->rings, place);

		if (it == this->rings.end())
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		const auto withdrawn = Mph::Control::CreateRingWithdrawn(
		  builder, static_cast<uint32_t>(it - this->rings.begin()));

		Send(builder, Mph::Control::Body::RingWithdrawn, withdrawn.Union());

		*it = nullptr;
	}

	PluginPlace* HostLink::GetPlace(uint32_t ring) const
	{
		MS_TRACE();

		return ring < this->rings.size() ? this->rings[ring] : nullptr;
	}

	bool HostLink::IsWarm() const
	{
		MS_TRACE();

		return std::ranges::all_of(
		  this->rings,
		  [this](const PluginPlace* place)
		  {
			  return !place || place->GetSuccession().IsWarm(this);
		  });
	}

	bool HostLink::RingIfAsleep()
	{
		if (!this->published)
		{
			return false;
		}

		this->published = false;

		const bool awaited = std::exchange(this->awaitsVerdict, false);

		if (!this->reader.TakeSleep())
		{
			return false;
		}

		mph::shm::RingDoorbell(this->hostDoorbell.writeEnd.Get());
		this->plugin->CountDoorbell();

		return awaited;
	}

	bool HostLink::HasNews() const
	{
		return !this->readyRings.IsEmpty() || this->watch.HasChanged();
	}

	bool HostLink::Drain(size_t max)
	{
		this->queriesInTurn = 0;

		// Taken before the rings are looked at: what is published meanwhile counts as news once more.
		this->watch.TakeChanged(
		  [this](uint32_t first, uint32_t end)
		  {
			  for (auto ring = first; ring < std::min<size_t>(end, this->rings.size()); ++ring)
			  {
				  if (this->rings[ring])
				  {
					  this->readyRings.Mark(ring);
				  }
			  }
		  });

		const bool hasMore = this->readyRings.DrainUpTo(
		  max,
		  [this](uint32_t ring, size_t left) -> size_t
		  {
			  // Draining may close what it drains for.
			  auto* place = this->rings[ring];

			  if (!place)
			  {
				  return 0;
			  }

			  const auto drained = place->DrainVerdicts(this, left);

			  this->recordsSinceBell |= drained != 0;

			  return drained;
		  });

		JudgeBell();

		return hasMore;
	}

	/**
	 * A sound host rings after it published. Its ring may come late, when something else had the worker drain already; one that rings
	 * again and again without a record in between is not sound.
	 */
	void HostLink::JudgeBell()
	{
		if (!std::exchange(this->bellRung, false))
		{
			return;
		}

		if (std::exchange(this->recordsSinceBell, false))
		{
			this->idleDoorbells = 0;

			return;
		}

		if (++this->idleDoorbells > MaxIdleDoorbells)
		{
			this->plugin->AddStrike(PluginStrike::IDLE_DOORBELL, this);
			this->strikes = MaxStrikes + 1;
			uv_poll_stop(this->uvDoorbell);
		}
	}

	void HostLink::OnDoorbell()
	{
		MS_TRACE();

		VerdictPump::Awake();

		if (mph::shm::ResetDoorbell(this->workerDoorbell.readEnd.Get()) == mph::shm::ResetResult::PeerGone)
		{
			// The host is dying, or has closed its end: the descriptor would be readable for ever. The socket tells the rest.
			uv_poll_stop(this->uvDoorbell);

			return;
		}

		// Drained, and judged, before the loop blocks again.
		this->bellRung = true;
	}

	void HostLink::OnStrike(PluginStrike strike)
	{
		MS_TRACE();

		++this->strikes;

		MS_WARN_TAG(
		  info,
		  "strike %" PRIu32 " for the host of plugin %s [pid:%" PRIu32 ", kind:%d]",
		  this->strikes,
		  this->plugin->GetId().c_str(),
		  this->pid,
		  static_cast<int>(strike));
	}
} // namespace PluginHost
