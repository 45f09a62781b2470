#ifndef MS_PLUGIN_HOST_PARAMETERS_JSON_HPP
#define MS_PLUGIN_HOST_PARAMETERS_JSON_HPP

#include "common.hpp"
#include "PluginHost/Json.hpp"
#include "RTC/Consumer.hpp"
#include "RTC/DataConsumer.hpp"
#include "RTC/DataProducer.hpp"
#include "RTC/Producer.hpp"
#include "RTC/RtpDictionaries.hpp"
#include "RTC/Transport.hpp"
#include <string>

/**
 * The parameters of what lives in a router as JSON text, with mediasoup's own names and shapes (`Event.parameters` in control.fbs).
 */
namespace PluginHost::ParametersJson
{
	/**
	 * An object like `producer.rtpParameters` of mediasoup's library. With `type` first, if it is not empty.
	 */
	void WriteRtpParameters(
	  JsonWriter& json, const RTC::RtpParameters& rtpParameters, const std::string& type = "");
	std::string OfTransport(const RTC::Transport* transport);
	std::string OfProducer(const RTC::Producer* producer);
	std::string OfConsumer(const RTC::Consumer* consumer);
	std::string OfDataProducer(const RTC::DataProducer* dataProducer);
	std::string OfDataConsumer(const RTC::DataConsumer* dataConsumer);
} // namespace PluginHost::ParametersJson

#endif
