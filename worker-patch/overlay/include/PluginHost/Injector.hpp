#ifndef MS_PLUGIN_HOST_INJECTOR_HPP
#define MS_PLUGIN_HOST_INJECTOR_HPP

#include "common.hpp"
#include "PluginHost/InjectedCauses.hpp"
#include "PluginHost/ResultOutlet.hpp"
#include "PluginHost/UnreadBytes.hpp"
#include "RTC/Consumer.hpp"
#include "RTC/DataConsumer.hpp"
#include "mph/fbs/layout.h"
#include <vector>

namespace PluginHost
{
	class PluginPlace;

	/**
	 * Sends what a host injects at a place: behind the chain, to consumers of what the plugin is attached to, in that place's router. None of it
	 * is believed. [worker-loop]
	 */
	class Injector
	{
	public:
		Injector(PluginPlace* place, ResultOutlet* results) : place(place), results(results)
		{
		}

	public:
		/* One for each type of record. They return false if the lengths in it contradict each other. */
		bool OnInjectRtp(const Mph::Layout::InjectRtpRecord& record, const UnreadBytes& bytes);
		bool OnInjectData(const Mph::Layout::InjectDataRecord& record, const UnreadBytes& bytes);
		bool OnReceiveRtp(const Mph::Layout::ReceiveRtpRecord& record, const UnreadBytes& bytes);
		/**
		 * A host reads on where another one stood: what that one injected comes again.
		 */
		void OnNextHost();
		/**
		 * Forgets what cannot come again.
		 */
		void ForgetCauses();

	private:
		/**
		 * @return False if it must not be done, since a host before did it.
		 */
		bool IsNew(uint64_t cause);
		void NoteCause(uint64_t cause);
		/**
		 * Whether it is a producer or data producer for the plugin to inject into.
		 */
		bool IsMeant(uint32_t producer) const;
		void Conclude(uint64_t call, uint64_t cause, Mph::Layout::ResultCode code);
		Mph::Layout::ResultCode SendRtp(
		  const Mph::Layout::InjectRtpRecord& record, const UnreadBytes& consumers, const UnreadBytes& payload);
		Mph::Layout::ResultCode SendData(
		  const Mph::Layout::InjectDataRecord& record,
		  const UnreadBytes& consumers,
		  const UnreadBytes& subchannels,
		  const UnreadBytes& message);

	private:
		// Passed by argument.
		PluginPlace* place{ nullptr };
		ResultOutlet* results{ nullptr };
		// Others.
		InjectedCauses causes;
	};
} // namespace PluginHost

#endif
