"""The REST API's examples as the provider's document has them, broken where it breaks them; line numbers left out."""

AUTH_TOKEN_SUCCESS = """\
{
"code": 200,
"message": "Auth Token generated successfully",
"response": {
    "zrtauth": "sipx7YVFJ920220810"
},
"error": null
}
"""

SMS_STATUS_SUCCESS = """\
{
 "code": 200,
 "message": "Request of transaction Status Successful",
 "response": {
     "txID": "txID12345",
     "carrierID ": 33401,
     "carrierName ": "Telcel",
     "mnc ": "020",
     "mcc ": "334",
    "msisdn": "525512345678",
    "cost": 0.20000,
    "status": 103,
    "smsCount": 1,
    "charactersCount": 17,
    "coding": "USC-2",
    "sentOn": "01-11-2023T03:22:35",
}
"error": [
    null
]
}
"""

BALANCE_SUCCESS = """\
{
 "code": 200,
 "message": "Successfully Obtained Balance",
 "response": {
     "clientID": "1234-ABCD-1234",
     "balance": 549,950.0500000000
 },
 "error": null
}
"""

TOP_UP_REQUEST = """\
{
"clientID": "1234-ABCD-1234",
"MSISDN": "525512345678",
"amount": 20.00
}
"""

TOP_UP_SUCCESS = """\
{
 "code": 200,
 "message": "TopUp Successfully Received",
 "txID": "B9WN0dzTgTMdbosoU9Jp20220811",
 "response": {
     "status": 100,
     "msisdn": "525512345678",
     "amount": 20.00,
     "amountCurrency": "MXN",
    "cost": 20.01,
    "detail": "Operation Received ",
    "dateTimeTransaction": "2022-08-11T04:03:18"
},
"error": [
    null
]
}
"""

TOP_UP_FAILURE = """\
{
 "code": 400,
 "message": "Bad Request",
 "txID": "yY6K3yrHYbdAMX5gW00720220811",
 "response": null,
 "error": null
}
"""

REPORT_SUCCESS = """\
{
 "code": 200,
 "message": "TopUp Report Successful Executed",
 "count": 1,
 "response": [
     {
         "txID": "oqxPyWDidLSVruFVxdI220220811",
         "carrierId": 79,
         "msisdn": "525512345678",
        "amount": 30.00,
        "amountCurrency": "MXN",
        "cost": 0.1160,
        "status": 0,
        "detail": "ServiceProv: 188",
        "dateTimeTransaction": "08-11-2022T03:22:35",
        "dateTimeStatus": "08-11-2022T03:22:35"
    }
],
"error": [
    null
]
}
"""

DIRECT_TOP_UP_REQUEST = """\
{
"clientID": "1234-ABCD-1234",
"MSISDN": "525545891076",
"amount": 20.00,
"ZCode":"TELTA"
}
"""

DIRECT_TOP_UP_SUCCESS = """\
{
 "code": 200,
 "message": "Direct TopUp Successfully Received",
 "txID": "oWA7Os8WC8HIikj1vgS220220811",
 "response": {
     "status": 100,
     "msisdn": "525545891076",
     "amount": 20.00,
     "amountCurrency": "MXN",
    "cost": 20.01,
    "detail": "Operation Received ",
    "dateTimeTransaction": "2022-09-11T04:25:25"
},
"error": [
    null
]
}
"""

DIRECT_TOP_UP_FAILURE = """\
{
 "code": -312,
 "message": "Invalid ClientID",
 "txID": "hRmvPsvbLrXr2v94W7op20220811",
 "response": null,
 "error": null
}
"""

CAMPAIGN_TOP_UP_REQUEST = """\
{
"msisdn": "525512345678",
"clientID": "XXXXXXX",
"campaign": "campaignTest1",
}
"""

LOOKUP_REQUEST = """\
{
"clientID": "1234-ABCD-1234",
"MSISDN": "525545891076"
}
"""

LOOKUP_SUCCESS = """\
{
 "code": 200,
 "message": "CarrierLookUp Successfully Executed",
 "txID": "FZRP5c3ewdvN24vntwaI20220810",
 "response": {
     "msisdn": "525545891076",
     "mcc": "334",
     "mnc": "020",
     "networkID": "188",
    "network": "Telcel",
    "serviceProviderID": "188",
    "serviceProviderDesc": "Telcel",
    "cost": 0.1160,
    "currency": "MXN",
    "detail": "Data obtained from central DB",
    "dateTimeTransaction": "08-09-2022T17:03:11"
},
"error": [
    null
]
}
"""

LOOKUP_FAILURE = """\
{
 "code": 400,
 "message": "Invalid Destination number",
 "txID": "mhXHC7APjGnBSeQwCVU620220210",
 "response": null,
 "error": null
}
"""

LOOKUP_V2_REQUEST = """\
{
"clientID": "1234-ABCD-1234",
"MSISDN": "525545891076"
}
"""

LOOKUP_V2_SUCCESS = """\
{
 "code": 200,
 "message": "CarrierLookUp Successfully Executed",
 "txID": "FZRP5c3ewdvN24vntwaI20220810",
 "response": {
     "msisdn": "525545891076",
     "mcc": "334",
     "mnc": "020",
     "networkID": "188",
    "network": "Telcel",
    "serviceProviderID": "188",
    "serviceProviderDesc": "Telcel",
    "numberType": "1",
    "isPorted": true,
    "portingDate": "2022-07-19 02:00",
    "cost": 0.1160,
    "currency": "MXN",
    "detail": "Data obtained from central DB",
    "dateTimeTransaction": "08-09-2022T17:03:11"
},
"error": [
    null
]
}
"""

LOOKUP_V2_FAILURE = """\
{
 "code": 400,
 "message": "Invalid Destination number",
 "txID": "mhXHC7APjGnBSeQwCVU620220210",
 "response": null,
 "error": null
}
"""

SEND_SMS_REQUEST = """\
{
"msisdn": "525545891076",
"clientID": "XXXXXXX",
"sender": "99999",
"message": "Holá"
}
"""

SEND_SMS_SUCCESS = """\
{
 "code": 200,
 "message": "SMS sent successfully",
 "txID": "9DR0lZqiqBFoHGKkYn40",
 "response": {
     "msisdn": "525545891076",
     "cost": 0.2900,
     "encoding": "USC-2",
     "segments": 1,
    "mcc": "334",
    "mnc": "050"
},
"error": [
    null
]
}
"""

SEND_SMS_FAILURE = """\
{
 "code": -208,
 "message": "Destination number invalid",
 "txID": "oarZnxrH1zYFLzWPchx4",
 "response": null,
 "error": null
}
"""

SEND_SMS_LIGHT_REQUEST = """\
{
"msisdn": "525545891076",
"clientID": "XXXXXXX",
"sender": "99999",
"message": "Holá"
}
"""

SEND_SMS_LIGHT_SUCCESS = """\
{
 "code": 200,
 "message": "SMS sent successfully",
 "txID": "9DR0lZqiqBaFadT435CVa0",
 "response": {
     "status": "200",
     "detail": "Operation Received"
},
"error": [
    null
]
}
"""

SEND_SMS_LIGHT_FAILURE = """\
{
 "code": -208,
 "message": "Destination number invalid",
 "txID": "oarZnxrH1zYFLzWPchx4",
 "response": null,
 "error": null
}
"""

SEND_SMS_FLASH_REQUEST = """\
{
"msisdn": "525545891076",
"clientID": "XXXXXXX",
"sender": "99999",
"message": "Holá"
}
"""

SEND_SMS_FLASH_SUCCESS = """\
{
 "code": 200,
 "message": "SMS sent successfully",
 "txID": "9DR0lZqiqBFoHGKkYn40",
 "response": {
     "msisdn": "525545891076",
     "cost": 0.2900,
     "encoding": "USC-2",
     "segments": 1,
    "mcc": "334",
    "mnc": "050"
},
"error": [
    null
]
}
"""

SEND_SMS_FLASH_FAILURE = """\
{
 "code": -208,
 "message": "Destination number invalid",
 "txID": "oarZnxrH1zYFLzWPchx4",
 "response": null,
 "error": null
}
"""
