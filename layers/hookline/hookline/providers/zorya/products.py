"""Table 3: which amounts each product can be topped up with, in MXN.

Source: the provider's document, "Table 3 - Top Up Amounts", of `DATED`. Its slips, and how they are read:

- MOVITA has `$10.00` twice: once here;
- TELTA (`$80.00 $100.00`) and ABIBTA (`$200.00 $220.00`) lack a comma: two amounts each;
- ABIBTA ends with a comma: nothing follows it;
- thousands have no comma (`$1000.00`): a comma always parts two amounts.

The provider adds products without a new document. An account's setting `products` says what this table does not.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

DATED = date(2024, 5, 7)
"""The date of the document that the table is from."""


class Product(NamedTuple):
    """A row of the table.

    Attributes:
        description: the provider's own words.
        amounts: what it can be topped up with, in MXN, the least first.
    """

    description: str
    amounts: tuple[Decimal, ...]


def _product(description: str, amounts: str) -> Product:
    return Product(description, tuple(Decimal(amount) for amount in amounts.split()))


PRODUCTS: Mapping[str, Product] = {
    "MOVITA": _product("MOVISTAR Tiempo Aire", "10 20 30 50 60 80 100 120 150 200 300 500"),
    "MOVIPDI": _product("MOVISTAR Paquete Internet", "10 20 100 150 200"),
    "TELPA": _product("TELCEL Internet Paquete Amigo", "20 30 50 80 100 150 200 270 300 400 500"),
    "TELPI": _product("TELCEL Internet", "20 30 50 80 100 150 200 300 500"),
    "TELTA": _product("TELCEL Tiempo Aire", "10 20 30 50 80 100 150 200 300 500"),
    "UNETA": _product("UNEFON Tiempo Aire", "10 15 20 30 50 70 100 120 150 200 300 500 1000"),
    "ATTTA": _product("AT&T Tiempo Aire", "10 15 20 30 50 70 100 120 150 200 300 500 1000"),
    "OUITA": _product("OUI Tiempo Aire", "10 15 20 25 30 35 40 45 50 60 80 100 120 150 200 240 300 350"),
    "VIRTA": _product("VIRGIN MOBILE Tiempo Aire", "10 20 30 50 80 100 150 200 300"),
    "FLTI": _product("FLASH MOBILE Tiempo Aire", "10 20 30 40 50 60 70 80 90 100 120 150 200 250 300 400 500"),
    "WETI": _product("WEEX Tiempo Aire", "10 20 30 40 50 60 70 80 90 100 120 150 200 250 300 400 500"),
    "BAITTA": _product("BAIT Tiempo Aire", "30 50 60 100 120 125 200 230 300"),
    "ABIBTA": _product("ABIB Tiempo Aire", "35 55 65 80 100 110 117 120 130 140 150 200 220 297 499"),
    "PILLOTA": _product("PILLOFON Tiempo Aire", "90 200 350 420 600"),
    "COMPARTTA": _product("COMPART Tiempo Aire", "30 50 100 200"),
    "GUGAINTA": _product("GUGAIN Tiempo Aire", "120 389 489 599"),
    "TELMOVILTA": _product("TELMOVIL Tiempo Aire", "30 50 100 200 300"),
    "MIMOVILTA": _product("MIMOVIL Tiempo Aire", "50 80 100 125 150 200 280 400 500 750 1350 1400 2500"),
    "VALORTATA": _product("VALOR Tiempo Aire", "35 55 100 120 165 220 290"),
    "FREEDOMTA": _product("FREEDOM Tiempo Aire", "30 50 80 100 150 200"),
    "NEWWWTA": _product("NEWWW Tiempo Aire", "59 100 120 135 200 230 330 525"),
    "YOBITA": _product("YOBI Tiempo Aire", "20 30 50 100 150 200 300 500"),
    "JRMOVILTA": _product("JRMOVIL Tiempo Aire", "65 75 125 130 149 150 250 260"),
    "JRMOVILPB": _product("JRMOVIL Plan Basico", "99"),
    "JRMOVILP10": _product("JRMOVIL Plan JR10 Mas", "149"),
    "WIKTA": _product("WIK Tiempo Aire", "30 50 100 200 400 749 825 1200 2100"),
    "WIMTA": _product("WIMO Tiempo Aire", "35 65 125 130 190 250 375 625"),
    "SORIANAMOVTA": _product("SORIANAMOV Tiempo Aire", "5 10 20 30 50 100 150 200 500"),
    "SIMPATITA": _product("SIMPATI Tiempo Aire", "20 50 100 150 300 500"),
    "DIRITA": _product("DIRI Tiempo Aire", "80 150 200 300 400 500"),
    "TUETA": _product("TUENTI Tiempo aire", "50 80 100 150 250 300"),
    "ALOTA": _product("ALO Tiempo aire", "10 20 30 50 100 200 300 500"),
    "BAITDC": _product("MiBait Internet Casa", "99 349"),
    "BAITI": _product("MiBait Internet Portatil", "110 210 410"),
    "BAITPA": _product("MiBait Paquete", "550 800 1050 1500 2000 2900"),
    "BAITDM": _product("MiBait Móviles", "110 210 410"),
    "CFEIP": _product("CFE Sumate Plus", "45 150 300"),
    "GUGATA": _product("GUGACOM Tiempo Aire", "40 65 129 130 195 250 380"),
    "SORIANAMAH": _product("SORIANA Mas Ahorro", "30 50 100 140 180 280"),
    "CFESUM": _product("CFE Sumate", "30 50 60 99 100 120 200 230"),
    "TELPP": _product("Telcel Ilimitado", "10 15"),
    "VALORTE": _product("VALOR Telecom", "30 50 55 60 89 100 109 120 140 230 239 300 319 360 369 420 439 450 499 590"),
    "JRMOVILMF": _product("JRMovil Tiempo Aire", "130 230 290 520 650"),
    "ULTCEL": _product(
        "Ultravisión Tiempo Aire",
        "55 65 99 105 110 125 135 150 210 240 250 299 330 359 399 429 475 510 625",
    ),
    "AXIOSM": _product("Axios Tiempo Aire", "25 30 50 60 100 120 200 230 300 500 550 1000 1050 2000"),
    "AXIOPA": _product("Axios Paquete Internet", "99 119 229 279 299 349 439 499"),
    "BIENESTARI": _product("Bienestar Tiempo Aire", "50 60 99 100 120 200 230"),
    "BIENESTARPA": _product("Bienestar Paquete Internet", "100 200 300 400"),
    "VALORIC": _product("Valor Internet en Casa", "99 110 349 399 439"),
}
"""By ZCode."""
