#define MS_CLASS "PluginHost::ResultOutlet"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/ResultOutlet.hpp"
#include "Logger.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/PluginPlace.hpp"
#include <cstring> // std::memcpy()

namespace PluginHost
{
	/* Static. */

	namespace Layout = Mph::Layout;

	/* Instance methods. */

	void ResultOutlet::Tell(uint64_t call, Layout::ResultCode code)
	{
		MS_TRACE();

		if (call == 0)
		{
			return;
		}

		Flush();

		const Result result{ .call = call, .code = code };

		if (this->waiting.empty() && Publish(result))
		{
			return;
		}

		// A host that makes calls and reads no answers loses the oldest.
		if (this->waiting.size() >= MaxWaiting)
		{
			this->waiting.pop_front();
			++this->place->GetPlugin()->GetInjections().counters.resultsLost;
		}

		this->waiting.push_back(result);
	}

	bool ResultOutlet::Publish(const Result& result)
	{
		static constexpr auto Length = static_cast<uint32_t>(sizeof(Layout::ResultRecord));

		return this->place->Publish(
		         Length,
		         /*awaitsVerdict*/ false,
		         [&result](uint8_t* bytes)
		         {
			         const Layout::ResultRecord record(
			           Layout::RecordHeader(
			             Length, Layout::RecordType::Result, 0, static_cast<uint16_t>(Length)),
			           result.call,
			           result.code,
			           0,
			           0,
			           0);

			         std::memcpy(bytes, std::addressof(record), sizeof(record));
		         }) == PluginPlace::PublishResult::OK;
	}

	void ResultOutlet::PublishWaiting()
	{
		MS_TRACE();

		while (!this->waiting.empty() && Publish(this->waiting.front()))
		{
			this->waiting.pop_front();
		}
	}
} // namespace PluginHost
